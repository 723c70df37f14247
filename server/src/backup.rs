//! How PostgreSQL's own programs find the database of a plan: by their environment, since a command line can be read by
//! everybody on the machine.

use leadloop_config::plan::Plan;
use secrecy::ExposeSecret;

/// The variables for `pg_dump`; none where the store is not on PostgreSQL.
#[must_use]
pub fn postgres_environment(plan: &Plan) -> Option<Vec<(&'static str, String)>> {
    environment(plan.store_url.expose_secret())
}

fn environment(url: &str) -> Option<Vec<(&'static str, String)>> {
    let parsed = url::Url::parse(url).ok().filter(|url| url.scheme().starts_with("postgres"))?;
    let query =
        |name: &str| parsed.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let all = [
        // A socket's folder cannot stand where a host does.
        ("PGHOST", parsed.host_str().filter(|host| !host.is_empty()).map(decoded).or_else(|| query("host"))),
        ("PGPORT", parsed.port().map(|port| port.to_string())),
        ("PGUSER", Some(decoded(parsed.username()))),
        ("PGPASSWORD", parsed.password().map(decoded)),
        ("PGDATABASE", Some(decoded(parsed.path().trim_start_matches('/')))),
        ("PGSSLMODE", query("sslmode")),
    ];
    let set = |(name, value): (&'static str, Option<String>)| {
        Some((name, value.filter(|value| !value.is_empty())?))
    };
    Some(all.into_iter().filter_map(set).collect())
}

fn decoded(text: &str) -> String {
    // A form's decoder would turn `+` into a blank.
    let form = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(form.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_arrives_as_it_is() {
        let found =
            environment("postgres://leadloop:a%40b+c%25@db.example:5433/pool?sslmode=require").unwrap();
        let expected = [
            ("PGHOST", "db.example"),
            ("PGPORT", "5433"),
            ("PGUSER", "leadloop"),
            ("PGPASSWORD", "a@b+c%"),
            ("PGDATABASE", "pool"),
            ("PGSSLMODE", "require"),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(environment("sqlite:x.db"), None);
    }
}
