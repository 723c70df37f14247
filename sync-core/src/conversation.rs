//! Stage 6, beside the outbox: what was said to a system and what it answered, as it is kept for people who look for a
//! mistake. Data only: what of it is kept, how long and without which secrets is the shell's business.

use serde::{Deserialize, Serialize};

use crate::ids::{ConversationId, DeliveryId, LinkName};
use crate::time::{Micros, Timestamp};

/// One exchange with a system: requests and answers in turn. Deliveries that went in one batch share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// With which system.
    pub link: LinkName,
    /// The deliveries it carried out, each with the number of its attempt.
    pub of: Vec<(DeliveryId, u32)>,
    /// Whether one of them is about no lead: nobody knows then whose data is in it.
    pub loose: bool,
    /// What was said.
    pub turns: Vec<Turn>,
}

/// One request, and what came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// When it was sent.
    pub at: Timestamp,
    /// How long the answer took, or the wire to break.
    pub took: Micros,
    /// `GET`, `POST`…; `MAIL` for a mail.
    pub method: String,
    /// The address with its query.
    pub url: String,
    /// The headers that matter.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Words,
    /// What came back; `None` where nothing did.
    pub answer: Option<Heard>,
    /// How the wire broke.
    pub broken: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Its status.
    pub status: u16,
    /// The headers that matter.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Words,
}

/// A body as text, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Words {
    /// Its beginning.
    pub text: String,
    /// Bytes of the whole; 0 where they were not counted because it was cut while it was written.
    pub bytes: u64,
    /// Whether `text` is not all of it.
    pub cut: bool,
}
