//! Which web pages may post to a source from a browser. A form in a page can keep no secret, so its origin is checked
//! on our side too: CORS alone stops neither a plain form post nor a program.

use url::Url;

/// Whether `origin` (such as `https://www.shili.example`) is in `allowed`. An entry is an origin, or one with `*.` before
/// the host for all its subdomains. Scheme and port count; letter case does not.
#[must_use]
pub fn is_allowed<'a>(origin: &str, mut allowed: impl Iterator<Item = &'a str>) -> bool {
    let Some(found) = parse(origin) else {
        return false;
    };
    allowed.any(|entry| match entry.trim().split_once("://*.") {
        None => parse(entry).is_some_and(|entry| entry == found),
        Some((scheme, parent)) => parse(&format!("{scheme}://{parent}")).is_some_and(|parent| {
            parent.scheme == found.scheme
                && parent.port == found.port
                && found
                    .host
                    .strip_suffix(&parent.host)
                    .is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
        }),
    })
}

/// Whether an entry of a list of allowed origins can be read.
#[must_use]
pub fn is_origin(entry: &str) -> bool {
    let entry = entry.trim();
    let plain = entry.replacen("://*.", "://", 1);
    !plain.contains('*')
        && Url::parse(&plain).is_ok_and(|url| url.path() == "/" && url.query().is_none())
        && parse(&plain).is_some()
}

/// The origin of a page's address: what `Origin` would say.
#[must_use]
pub fn of_page(address: &str) -> Option<String> {
    let url = Url::parse(address.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

/// Headers that let a page of `origin` read our answer; none where it is not allowed. The same serve a preflight.
#[must_use]
pub fn cors_headers<'a>(origin: &str, allowed: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut headers = vec![header("vary", "Origin")];
    if is_allowed(origin, allowed) {
        headers.extend([
            header("access-control-allow-origin", origin.trim()),
            header("access-control-allow-methods", "POST, OPTIONS"),
            header("access-control-allow-headers", "content-type, idempotency-key"),
            header("access-control-max-age", "600"),
        ]);
    }
    headers
}

#[derive(PartialEq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

fn parse(text: &str) -> Option<Origin> {
    if text.len() > 300 {
        return None;
    }
    let url = Url::parse(text.trim()).ok()?;
    let host = url.host_str()?.to_ascii_lowercase();
    matches!(url.scheme(), "http" | "https").then(|| Origin {
        scheme: url.scheme().to_owned(),
        host,
        port: url.port_or_known_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_whole() {
        let allowed = ["https://www.shili.example", "https://*.shili.example:8443", "http://127.0.0.1:8080"];
        for (origin, ok) in [
            ("https://www.shili.example", true),
            ("https://WWW.shili.example:443", true),
            ("http://www.shili.example", false),
            ("https://www.shili.example.evil.example", false),
            ("https://evil-www.shili.example", false),
            ("https://a.b.shili.example:8443", true),
            ("https://shili.example:8443", false),
            ("https://evilshili.example:8443", false),
            ("http://127.0.0.1:8080", true),
            ("http://127.0.0.1:8081", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(origin, allowed.into_iter()), ok, "{origin}");
        }
        assert!(allowed.iter().all(|entry| is_origin(entry)));
        assert!(
            ["*", "https://*", "https://a.example/path", "a.example", "https://*.*.example"]
                .iter()
                .all(|e| !is_origin(e))
        );
    }

    #[test]
    fn only_allowed_pages_get_the_headers() {
        let allowed = ["https://www.shili.example"];
        assert_eq!(cors_headers("https://www.shili.example", allowed.into_iter()).len(), 5);
        assert_eq!(cors_headers("https://evil.example", allowed.into_iter()).len(), 1);
        assert_eq!(
            of_page("https://www.shili.example/demo?x=1").as_deref(),
            Some("https://www.shili.example")
        );
        assert_eq!(of_page("javascript:alert(1)"), None);
    }
}
