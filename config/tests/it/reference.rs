//! The reference page says what the check takes: it is made from the same table.

use std::path::Path;

#[test]
fn the_reference_page_is_what_the_spec_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/config.md");
    let page = leadloop_config::reference::page();
    if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).expect("docs/reference/config.md is there");
    assert!(
        written == page,
        "docs/reference/config.md is behind the spec; UPDATE=1 cargo test -p leadloop-config writes it"
    );
}
