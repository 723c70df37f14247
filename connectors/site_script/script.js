/* leadloop: forms, page views and where a visitor came from. Asks nobody but the server it came from. Without consent it
   stores nothing and tells nothing but the forms people send. Guide: docs/guide/site-script.md */
(function (window, document) {
  "use strict";
  var tag = document.currentScript;
  var early = window.leadloop && window.leadloop.q || [];
  if (!tag || window.leadloop && !window.leadloop.q) return;
  var data = tag.dataset;
  var address = tag.src.split(/[?#]/)[0].replace(/\/[^\/]*$/, "");
  var keys = { consent: "leadloop_consent", visitor: "leadloop_visitor", waiting: "leadloop_waiting" };
  var allowed = false, seen = "", landing = null;

  function stored(key, value) {
    try {
      if (value === undefined) return localStorage.getItem(key);
      if (value === null) localStorage.removeItem(key); else localStorage.setItem(key, value);
    } catch (_) { /* a browser that stores nothing loses nothing but the memory of it */ }
    return null;
  }
  function id() {
    var bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, function (byte) { return (byte + 256).toString(16).slice(1); }).join("");
  }
  function visitor() {
    if (!allowed) return undefined;
    var known = stored(keys.visitor) || visitor.here || id();
    visitor.here = known;
    stored(keys.visitor, known);
    return known;
  }
  function waiting(list) {
    if (list) { waiting.here = list; stored(keys.waiting, allowed && list.length ? JSON.stringify(list) : null); }
    try { return waiting.here || JSON.parse(stored(keys.waiting)) || []; } catch (_) { return []; }
  }

  /* What could not be sent waits, and keeps its id: told twice it counts once. */
  function send() {
    var list = waiting();
    if (!list.length || send.busy) return;
    send.busy = true;
    var body = JSON.stringify({ sent: Date.now(), events: list.slice(0, 20) });
    // A browser outlives its page with at most 64 kB on the way.
    fetch(address, { method: "POST", mode: "cors", credentials: "omit", keepalive: body.length < 30000, headers: { "content-type": "text/plain" }, body: body })
      .then(function (answer) {
        // Too many, or not stored: later. Refused: the same again would be refused again.
        if (answer.status === 429 || answer.status >= 500) throw answer.status;
        waiting(waiting().slice(Math.min(list.length, 20)));
        send.wait = 0;
        send.busy = false;
        send();
      })
      .catch(function () {
        send.busy = false;
        send.wait = Math.min((send.wait || 1000) * 2, 60000);
        setTimeout(send, send.wait);
      });
  }
  function tell(kind, more) {
    var event = Object.assign({ id: id(), kind: kind, at: Date.now(), url: location.href, title: document.title, visitor: visitor() }, more);
    event.referrer = document.referrer;
    if (allowed && landing) { event.landing = landing.url; event.landing_referrer = landing.referrer; }
    waiting(waiting().slice(-49).concat(event));
    send();
  }

  function look() {
    if (!allowed || seen === location.href) return;
    seen = location.href;
    tell("page");
  }
  function consent(given) {
    allowed = given === true;
    stored(keys.consent, allowed ? "given" : "refused");
    if (allowed) {
      try {
        landing = JSON.parse(sessionStorage.getItem("leadloop_landing")) || { url: location.href, referrer: document.referrer };
        sessionStorage.setItem("leadloop_landing", JSON.stringify(landing));
      } catch (_) { landing = { url: location.href, referrer: document.referrer }; }
      look();
    } else {
      landing = visitor.here = null;
      seen = "";
      stored(keys.visitor, null);
      waiting(waiting().filter(function (event) { return event.kind === "form"; }));
      try { sessionStorage.removeItem("leadloop_landing"); } catch (_) { /* see stored */ }
    }
  }

  /* Passwords, files, cards and hidden fields are never read; nor is what is marked data-leadloop-ignore. */
  function isOurs(field) {
    return field.name && !field.disabled && !/^(password|file|submit|button|reset|image)$/.test(field.type) &&
      (field.type !== "hidden" || "leadloop" in field.dataset) && !/\bcc-/.test(field.autocomplete) && !field.closest("[data-leadloop-ignore]");
  }
  function read(form) {
    var said = { form: form.dataset.leadloop || form.id || form.name || "form", fields: {}, consent: {} };
    Array.from(form.elements).filter(isOurs).forEach(function (field) {
      var purpose = field.dataset.leadloopConsent, box = /^(checkbox|radio)$/.test(field.type);
      if (purpose) { said.consent[purpose] = field.checked; said.text = field.dataset.leadloopText || said.text; return; }
      if (box && !field.checked) return;
      var value = field.multiple && field.options ? Array.from(field.selectedOptions, function (one) { return one.value; }) : field.value;
      var name = field.dataset.leadloopField || field.name;
      if (value.length) said.fields[name] = name in said.fields ? [].concat(said.fields[name], value) : value;
    });
    return said;
  }
  function isWanted(form) {
    return form.matches && !("leadloopIgnore" in form.dataset) &&
      ("leadloop" in form.dataset || data.forms === "all" && form.querySelector("input[type=email],input[type=tel]") && !form.querySelector("input[type=password]"));
  }
  document.addEventListener("submit", function (event) {
    if (isWanted(event.target)) tell("form", read(event.target));
  }, true);

  function call(name, first, more) {
    if (name === "consent") consent(first);
    else if (name === "track" && allowed) tell("event", { name: first, fields: more || {} });
    else if (name === "identify") tell("person", { fields: first || {} });
    else if (name === "form") tell("form", read(typeof first === "string" ? document.querySelector(first) : first));
  }
  window.leadloop = function () { call.apply(null, arguments); };

  ["pushState", "replaceState"].forEach(function (name) {
    var own = history[name];
    history[name] = function () { var result = own.apply(this, arguments); setTimeout(look); return result; };
  });
  window.addEventListener("popstate", look);
  window.addEventListener("online", send);
  var choice = data.consent === "given" ? "given" : stored(keys.consent);
  if (choice === "given") consent(true);
  early.forEach(function (words) { call.apply(null, words); });
  send();
})(window, document);
