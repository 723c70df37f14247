//! `leadloop schema`: the JSON Schema of the config with the connectors of this binary, for editors.

use std::path::Path;

use leadloop_config::json_schema;
use serde_json::json;

use crate::args::Schema;
use crate::failure::Failure;
use crate::screen::Screen;

/// The name of the schema's file beside a config.
pub const FILE: &str = "leadloop.schema.json";

/// The schema's text.
pub fn text() -> String {
    json_schema::text(Some(&leadloop_connectors::registry()))
}

/// Prints or writes the schema.
///
/// # Errors
/// Where it cannot be written.
pub fn run(screen: &Screen, args: &Schema) -> Result<(), Failure> {
    let Some(file) = &args.to else { return Ok(screen.line(text().trim_end())?) };
    write(file)?;
    if screen.is_json() {
        return Ok(screen.json(&json!({ "file": file.display().to_string() }))?);
    }
    let name = file.display();
    let text = match screen.words("en", "zh") {
        "en" => {
            format!("wrote {name}; `#:schema ./{FILE}` as the first line of a config makes editors use it")
        }
        _ => format!("已写入 {name}；在配置首行写 `#:schema ./{FILE}`，编辑器即可使用"),
    };
    Ok(screen.line(&text)?)
}

fn write(file: &Path) -> Result<(), Failure> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    std::fs::write(file, text()).map_err(|error| unwritable(file, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let name = path.display();
    Failure::outside(format!("`{name}`: {error}"), format!("`{name}`：{error}"))
}
