// Keeps the page there without a network: the newest that was seen, whoever's poster it was opened by.
"use strict";
const page = new URL(".", self.location).pathname.replace(/\/$/, "");
const name = "leadloop-sign-in" + page;
self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(name).then((cache) => cache.add(page)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode !== "navigate" || new URL(request.url).pathname.replace(/\/$/, "") !== page) return;
  event.respondWith(
    fetch(request)
      .then((answer) => {
        const copy = answer.clone();
        if (answer.ok) event.waitUntil(caches.open(name).then((cache) => cache.put(page, copy)));
        return answer;
      })
      .catch(() => caches.open(name).then((cache) => cache.match(page)).then((kept) => kept || Response.error())),
  );
});
