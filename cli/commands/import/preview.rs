//! What a file is and how it begins, before it is imported.

use std::path::Path;

use leadloop_connectors::table_file::Preview;
use leadloop_sync_core::intake::goes_to;
use leadloop_sync_core::policy::{Policy, SourcePolicy};
use serde_json::json;

use crate::failure::Failure;
use crate::screen::{Rows, Screen, Style, one_line};

/// Most characters of a cell.
const CELL: usize = 40;

/// Prints a preview. The file's own content is shown as it is: who imports it has it at hand.
///
/// # Errors
/// Where the output cannot be written.
pub fn show(
    screen: &Screen,
    file: &Path,
    (policy, rules): (&SourcePolicy, &Policy),
    preview: &Preview,
) -> Result<(), Failure> {
    let columns: Vec<(String, String)> = preview
        .columns
        .iter()
        .map(|column| (column.name.clone(), goes_to(&column.name, policy, rules)))
        .collect();
    if screen.is_json() {
        return Ok(screen.json(&as_json(preview, &columns))?);
    }
    let mut about = vec![preview.form.to_owned()];
    about.extend(preview.encoding.map(str::to_owned));
    if let Some(delimiter) = preview.delimiter {
        let name = match delimiter {
            '\t' => screen.words("tab", "制表符").to_owned(),
            other => format!("“{other}”"),
        };
        about.push(format!("{} {name}", screen.words("separator", "分隔符")));
    }
    if let Some((sheet, all)) = &preview.sheet {
        let of = format!("{} “{sheet}”", screen.words("sheet", "工作表"));
        about.push(if all.len() > 1 { format!("{of} ({})", all.join(", ")) } else { of });
    }
    about.push(match preview.header_line {
        0 => screen.words("no column names", "无列名").to_owned(),
        line => format!("{} {line}", screen.words("column names in line", "列名在第几行：")),
    });
    screen.line(&format!(
        "{}   {}",
        screen.paint(Style::Head, &file.display().to_string()),
        about.join(", ")
    ))?;
    screen.line("")?;
    let mut heads = vec![screen.words("column", "列").to_owned(), screen.words("becomes", "写入").to_owned()];
    heads.extend((1..=preview.rows.len()).map(|row| format!("{} {row}", screen.words("row", "行"))));
    let mut table = Rows::new(&heads.iter().map(String::as_str).collect::<Vec<_>>());
    for (name, to) in &columns {
        let mut cells = vec![name.clone(), to.clone()];
        for row in &preview.rows {
            let fields = match row {
                Ok(raw) => &raw.fields,
                Err(refused) => &refused.raw.fields,
            };
            cells.push(fields.get(name).map(|value| shortened(&value.to_display())).unwrap_or_default());
        }
        table.push(cells);
    }
    screen.table(&table)?;
    for refused in preview.rows.iter().filter_map(|row| row.as_ref().err()) {
        let code = screen.paint(Style::Warn, &refused.code);
        screen.line(&format!("{code} {}", one_line(&refused.detail)))?;
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    let mut short: String = one_line(text).chars().take(CELL).collect();
    if text.chars().count() > CELL {
        short.push('…');
    }
    short
}

fn as_json(preview: &Preview, columns: &[(String, String)]) -> serde_json::Value {
    let rows: Vec<_> = preview
        .rows
        .iter()
        .map(|row| match row {
            Ok(raw) => json!({ "row": raw.position, "fields": raw.fields.to_json() }),
            Err(refused) => json!({
                "row": refused.position, "code": refused.code, "detail": refused.detail,
                "fields": refused.raw.fields.to_json(),
            }),
        })
        .collect();
    json!({
        "form": preview.form, "encoding": preview.encoding, "delimiter": preview.delimiter,
        "sheet": preview.sheet.as_ref().map(|(name, _)| name),
        "sheets": preview.sheet.as_ref().map(|(_, all)| all),
        "header_line": preview.header_line,
        "columns": columns.iter().map(|(name, to)| json!({ "name": name, "becomes": to })).collect::<Vec<_>>(),
        "rows": rows,
    })
}
