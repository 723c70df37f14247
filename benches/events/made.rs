//! Made events, in the bytes that the vendors' SDKs send: the forms are those of the recordings (SensorsAnalyticsSDK
//! 1.11.0 for Python, 50 events a batch, packed; segment-analytics-python 2.4.0, 100 a batch, plain).

use std::io::Write as _;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::load::SECRET;

/// Whose SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// 神策.
    Sensors,
    /// Segment, RudderStack.
    Segment,
}

/// Visitors who look around at the same time, and how much each does.
const AT_ONCE: usize = 100;
const EACH: usize = 40;
/// One event in so many is worth a place on a timeline.
pub const KEPT: usize = 100;
/// One event in so many says who somebody is.
pub const TOLD: usize = 1_000;
const PAGES: [&str; 5] = ["$pageview", "$WebClick", "ProductViewed", "SearchPerformed", "VideoPlayed"];

impl Vendor {
    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Vendor::Sensors => "sensors",
            Vendor::Segment => "segment",
        }
    }

    /// Most events its SDK puts into one request.
    pub fn batch(self) -> usize {
        match self {
            Vendor::Sensors => 50,
            Vendor::Segment => 100,
        }
    }

    /// Event `number` as its SDK writes it, told now.
    pub fn event(self, number: usize, now: jiff::Timestamp) -> String {
        let visitor = number / (AT_ONCE * EACH) * AT_ONCE + number % AT_ONCE;
        let dice = scattered(u64::try_from(number).unwrap_or_default());
        match self {
            Vendor::Sensors => sensors(number, visitor, dice, now.as_millisecond()),
            Vendor::Segment => segment(number, visitor, dice, now),
        }
    }

    /// The body of a batch.
    pub fn body(self, events: &[String]) -> Vec<u8> {
        let list = events.join(", ");
        match self {
            Vendor::Segment => {
                let now = jiff::Timestamp::now();
                format!(r#"{{"batch": [{list}], "sentAt": "{now}", "writeKey": "{SECRET}"}}"#).into_bytes()
            }
            Vendor::Sensors => {
                let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
                packer.write_all(format!("[{list}]").as_bytes()).expect("memory takes it");
                let packed = BASE64_STANDARD.encode(packer.finish().expect("memory takes it"));
                let packed = url::form_urlencoded::byte_serialize(packed.as_bytes()).collect::<String>();
                format!("data_list={packed}&gzip=1").into_bytes()
            }
        }
    }

    /// The request of a body.
    pub fn request(self, to: SocketAddr, body: &[u8]) -> Vec<u8> {
        let (path, rest) = match self {
            Vendor::Sensors => {
                ("/sa?project=production", "content-type: application/x-www-form-urlencoded".to_owned())
            }
            Vendor::Segment => {
                let key = BASE64_STANDARD.encode(format!("{SECRET}:"));
                ("/v1/batch", format!("content-type: application/json\r\nauthorization: Basic {key}"))
            }
        };
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: {to}\r\n{rest}\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }
}

/// Numbers that look like dice and are the same in every run.
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn name_of(number: usize, dice: u64) -> &'static str {
    if number % KEPT == KEPT - 1 {
        return "PricingViewed";
    }
    let at = usize::try_from(dice % 5).unwrap_or_default();
    PAGES.get(at).copied().unwrap_or("$pageview")
}

fn sensors(number: usize, visitor: usize, dice: u64, millis: i64) -> String {
    let id = format!("17f1c3b2a9e-{visitor:014x}-1f3d645a-2073600-17f1c3b2a9f");
    let lib = r#""$lib": "python", "$lib_version": "1.11.0""#;
    let detail = r#####""$lib_method": "code", "$app_version": "1.3", "$lib_detail": "####/srv/shop/track.py##41""#####;
    if number % TOLD == TOLD / 2 {
        return format!(
            r#"{{"type": "profile_set", "time": {millis}, "distinct_id": "{id}", "_track_id": {}, "properties": {{"phone": "137{:08}", "company": "示例{visitor}有限公司", {lib}}}, "lib": {{{lib}, {detail}}}}}"#,
            dice % 1_000_000_000,
            visitor % 100_000_000,
        );
    }
    format!(
        r#"{{"type": "track", "time": {millis}, "distinct_id": "{id}", "_track_id": {}, "properties": {{{lib}, "$app_version": "1.3", "$url": "https://www.acme.example/product/{}?utm_source=wechat&utm_campaign=q4", "$title": "伺服电机选型手册", "$referrer": "https://www.baidu.com/s?wd=servo", "stay_seconds": {}}}, "lib": {{{lib}, {detail}}}, "event": "{}"}}"#,
        dice % 1_000_000_000,
        dice % 500,
        dice % 90,
        name_of(number, dice),
    )
}

fn segment(number: usize, visitor: usize, dice: u64, now: jiff::Timestamp) -> String {
    let again = scattered(dice);
    let id = format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        dice >> 32,
        (dice >> 16) & 0xffff,
        dice & 0xfff,
        again >> 52,
        again & 0xffff_ffff_ffff
    );
    let usual = format!(
        r#""integrations": {{}}, "anonymousId": "anon-{visitor:012x}", "timestamp": "{now}", "context": {{"library": {{"name": "analytics-python", "version": "2.4.0"}}}}, "messageId": "{id}""#
    );
    if number % TOLD == TOLD / 2 {
        return format!(
            r#"{{{usual}, "userId": "u-{visitor}", "type": "identify", "traits": {{"email": "visitor{visitor}@firm{}.example", "company": {{"name": "Firm {}"}}}}}}"#,
            visitor % 500,
            visitor % 500,
        );
    }
    format!(
        r#"{{{usual}, "userId": null, "type": "track", "event": "{}", "properties": {{"title": "Servo guide", "url": "https://www.acme.example/product/{}", "stay_seconds": {}}}}}"#,
        name_of(number, dice),
        dice % 500,
        dice % 90,
    )
}
