//! Every SQL text of the product, in one list, by name.
//!
//! The texts stand in `store/sql`; a test prepares each of them on both engines and compares the columns.

use std::sync::OnceLock;

use crate::text::{Engine, Text, expand};

/// One statement in the words of each engine.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) name: &'static str,
    source: &'static str,
    sqlite: OnceLock<Text>,
    postgres: OnceLock<Text>,
}

impl Statement {
    pub(crate) const fn new(name: &'static str, source: &'static str) -> Self {
        Self { name, source, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }

    /// The words of one engine.
    #[expect(clippy::panic, reason = "the texts are part of the program; a test expands every one of them")]
    pub(crate) fn text(&'static self, engine: Engine) -> &'static Text {
        let text = match engine {
            Engine::Sqlite => &self.sqlite,
            Engine::Postgres => &self.postgres,
        };
        text.get_or_init(|| match expand(self.source, engine) {
            Ok(text) => text,
            Err(reason) => panic!("statement {}: {reason}", self.name),
        })
    }
}

macro_rules! statements {
    ($($name:ident = $file:literal;)*) => {
        $(pub(crate) static $name: Statement =
            Statement::new($file, include_str!(concat!("../sql/", $file, ".sql")));)*
        /// All of them, for the test that prepares each on both engines.
        #[cfg(test)]
        pub(crate) static ALL: &[&Statement] = &[$(&$name),*];
    };
}

// In the order of the road.
statements! {
    PUSH_KEEP = "push_keep";
    DEDUP_TAKE = "dedup_take";
    EVENT_KEY_KNOWN = "event_key_known";
    EVENT_KEY_PUT = "event_key_put";
    EVENT_KEY_TAKE = "event_key_take";
    CAPTURE_KEEP = "capture_keep";
    QUARANTINE_RESOLVE = "quarantine_resolve";
    QUARANTINE_KEEP = "quarantine_keep";
    QUARANTINE_HOLD = "quarantine_hold";
    PUSH_HOLD = "push_hold";
    CAPTURE_CLAIM = "capture_claim";
    VISIT_COUNT = "visit_count";
    VISIT_DUE = "visit_due";
    VISIT_LATER = "visit_later";
    VISIT_DROP = "visit_drop";
    DEADLINE_DUE = "deadline_due";
    DEADLINE_NEXT = "deadline_next";
    TURN_TAKE = "turn_take";
    LEAD_HOLD = "lead_hold";

    LOAD_LEADS = "load_leads";
    LOAD_IDENTIFIERS = "load_identifiers";
    LOAD_HANDOFFS = "load_handoffs";
    LOAD_LINKS = "load_links";
    LOAD_KEYS = "load_keys";
    LOAD_MIRROR = "load_mirror";
    MIRROR_UNSEEN = "mirror_unseen";
    LOAD_COUNTERS = "load_counters";
    LOAD_FRESH = "load_fresh";
    LOAD_LOAD = "load_load";
    LOAD_TOUCHES = "load_touches";
    LOAD_JUDGED = "load_judged";

    CONFIG_ACTIVE = "config_active";
    LEAD_CHECK = "lead_check";
    HANDOFF_CHECK = "handoff_check";
    IDENTIFIER_CHECK = "identifier_check";
    DELIVERY_CHECK = "delivery_check";
    LEAD_PUT = "lead_put";
    LEAD_AGAIN = "lead_again";
    MILESTONE_PUT = "milestone_put";
    IDENTIFIER_NEW = "identifier_new";
    IDENTIFIER_PUT = "identifier_put";
    IDENTIFIER_SEEN = "identifier_seen";
    IDENTIFIER_DROP = "identifier_drop";
    SUSPECT_PUT = "suspect_put";
    VERDICT_PUT = "verdict_put";
    COMPANY_SUSPECT_PUT = "company_suspect_put";
    COMPANY_VERDICT_PUT = "company_verdict_put";
    DELIVERY_UNSETTLED = "delivery_unsettled";
    TOUCH_PUT = "touch_put";
    TOUCH_RECEIPTS = "touch_receipts";
    HANDOFF_PUT = "handoff_put";
    DECISION_PUT = "decision_put";
    FEEDBACK_PUT = "feedback_put";
    REMOTE_LINK_PUT = "remote_link_put";
    BEFORE_PUT = "before_put";
    MIRROR_PUT = "mirror_put";
    MIRROR_KEY_DROP = "mirror_key_drop";
    MIRROR_KEY_PUT = "mirror_key_put";
    MIRROR_SEEN_PUT = "mirror_seen_put";
    COUNTER_PUT = "counter_put";
    DEADLINE_PUT = "deadline_put";
    DEADLINE_DROP = "deadline_drop";
    CAPTURE_END = "capture_end";
    ALARM_RAISE = "alarm_raise";
    ALARM_CLEAR = "alarm_clear";
    REASON_PUT = "reason_put";
    DELIVERY_HURRY = "delivery_hurry";
    DELIVERY_LAST = "delivery_last";
    DELIVERY_MOVE = "delivery_move";
    ATTEMPT_PUT = "attempt_put";
    CONVERSATION_PUT = "conversation_put";
    DELIVERY_LOCK = "delivery_lock";
    DELIVERY_PUT = "delivery_put";
    DELIVERY_HEADS = "delivery_heads";
    DELIVERY_TAKE = "delivery_take";

    DELIVERY_PROMOTE = "delivery_promote";
    DELIVERY_CLAIM = "delivery_claim";
    DELIVERY_BEHIND = "delivery_behind";
    DELIVERY_EXPIRED = "delivery_expired";
    DELIVERY_NEXT = "delivery_next";
    DELIVERY_AHEAD = "delivery_ahead";
    DELIVERY_SET_BACK = "delivery_set_back";
    CLOCK_SEEN = "clock_seen";

    WAKE_SEND = "wake_send";
    CLOCK = "clock";
    CONFIG_ACTIVATE = "config_activate";
    CONFIG_VERSION_PUT = "config_version_put";
    CONFIG_VERSION_ACTIVE = "config_version_active";
    CONFIG_VERSION_TRIM = "config_version_trim";
    DELIVERY_LINK_GONE = "delivery_link_gone";
    DELIVERY_LINK_BACK = "delivery_link_back";
    DELIVERY_POLLS_BACK = "delivery_polls_back";
    DELIVERY_ASK_FIRST = "delivery_ask_first";
    DATABASE_IDENTITY = "database_identity";
    LEASE_TAKE = "lease_take";
    LEASE_NOTE = "lease_note";
    META_GET = "meta_get";
    META_FIRST = "meta_first";
    META_PUT = "meta_put";
    STORE_USED = "store_used";
    CAPTURE_OPEN = "capture_open";
    CAPTURE_GONE = "capture_gone";
    QUARANTINE_WALK = "quarantine_walk";
    QUARANTINE_GONE = "quarantine_gone";
    CONVERSATION_LOOSE = "conversation_loose";
    CONVERSATION_GONE = "conversation_gone";
    FIND_WALK = "find_walk";

    FIND_KEYS = "find_keys";
    FIND_NAMES = "find_names";
    FIND_PARTS = "find_parts";
    STORY_TOUCHES = "story_touches";
    STORY_TOUCHES_TOTAL = "story_touches_total";
    STORY_CAPTURES = "story_captures";
    STORY_HANDOFFS = "story_handoffs";
    STORY_DECISIONS = "story_decisions";
    STORY_DELIVERIES = "story_deliveries";
    STORY_ATTEMPTS = "story_attempts";
    CONVERSATION_GET = "conversation_get";
    STORY_FEEDBACK = "story_feedback";
    STORY_REASONS = "story_reasons";
    STORY_DEADLINES = "story_deadlines";
    STORY_LINKS = "story_links";
    CONFLICTS_WAITING = "conflicts_waiting";
    CONFLICTS_WITHHELD = "conflicts_withheld";
    DELIVERY_SENT = "delivery_sent";
    BEFORE_PAGE = "before_page";
    BEFORE_RUNS = "before_runs";
    LINK_PAGE = "link_page";
    HANDOFF_PAGE = "handoff_page";
    STORY_SUSPECTS = "story_suspects";
    SUSPECT_LIST = "suspect_list";
    COMPANY_PAIR_LIST = "company_pair_list";
    STORY_MILESTONES = "story_milestones";
    FUNNEL = "funnel";
    FUNNEL_SPAN = "funnel_span";
    FUNNEL_DAYS = "funnel_days";
    FUNNEL_TAGS = "funnel_tags";
    FUNNEL_LEADS = "funnel_leads";
    FUNNEL_WEEK = "funnel_week";
    FUNNEL_SHARE = "funnel_share";
    FUNNEL_EVENTS = "funnel_events";
    FUNNEL_EVENT_LEADS = "funnel_event_leads";
    WON_TOUCHES = "won_touches";
    ALARM_UNTOLD = "alarm_untold";
    ALARM_TOLD = "alarm_told";
    HANDOFF_LIST = "handoff_list";
    HANDOFF_RANGE = "handoff_range";
    DECISION_PAGE = "decision_page";
    SHADOW_BEGIN = "shadow_begin";
    SHADOW_RUN = "shadow_run";
    SHADOW_DUE = "shadow_due";
    SHADOW_MOVE = "shadow_move";
    SHADOW_PUT = "shadow_put";
    SHADOW_GROUPS = "shadow_groups";
    SHADOW_SAMPLES = "shadow_samples";
    STATUS_INBOX = "status_inbox";
    STATUS_SOURCES = "status_sources";
    SOURCE_SPANS = "source_spans";
    SOURCE_REFUSALS = "source_refusals";
    STATUS_LINKS = "status_links";
    STATUS_PARKED = "status_parked";
    STATUS_ALARMS = "status_alarms";
    STATUS_MIRRORS = "status_mirrors";
    STATUS_STAGES = "status_stages";
    STATUS_HANDOFFS = "status_handoffs";
    STATUS_DEADLINES = "status_deadlines";
    AUDIT_PUT = "audit_put";
    AUDIT_LIST = "audit_list";
    HANDOFFS_OF = "handoffs_of";
    ERASE_ATTEMPT = "erase_attempt";
    ERASE_BEFORE = "erase_before";
    ERASE_CONVERSATION = "erase_conversation";
    ERASE_CAPTURE = "erase_capture";
    ERASE_CAPTURE_DUE = "erase_capture_due";
    ERASE_CLAIMED = "erase_claimed";
    ERASE_COMPANY_PAIR = "erase_company_pair";
    ERASE_COUNT = "erase_count";
    ERASE_DEADLINE = "erase_deadline";
    ERASE_DECISION = "erase_decision";
    ERASE_SHADOW = "erase_shadow";
    ERASE_DELIVERY = "erase_delivery";
    ERASE_FEEDBACK = "erase_feedback";
    ERASE_LINK = "erase_link";
    ERASE_MIRROR = "erase_mirror";
    ERASE_MIRROR_KEY = "erase_mirror_key";
    ERASE_PUSHES = "erase_pushes";
    ERASE_QUARANTINE = "erase_quarantine";
    ERASE_REASON = "erase_reason";
    ERASE_SUSPECT = "erase_suspect";
    ERASE_TOUCH = "erase_touch";
    ERASE_VISIT = "erase_visit";
    ERASED_DROP = "erased_drop";
    ERASED_HIT = "erased_hit";
    ERASED_PUT = "erased_put";
    ERASURE_LIST = "erasure_list";
    ERASURE_PUT = "erasure_put";
    PUSH_SCRUB = "push_scrub";
    LEAD_PAGE = "lead_page";
    LEAD_WALK = "lead_walk";
    QUARANTINE_LIST = "quarantine_list";
    QUARANTINE_GET = "quarantine_get";
    QUARANTINE_FIX = "quarantine_fix";
    PUSH_GET = "push_get";
    PUSH_PARKED = "push_parked";
    PUSH_DROP = "push_drop";
    CAPTURE_PARKED = "capture_parked";
    CAPTURE_HELD = "capture_held";
    CAPTURE_RETRY = "capture_retry";
    DELIVERY_PARKED = "delivery_parked";
    DELIVERY_RUN = "delivery_run";
    DELIVERY_GET = "delivery_get";
    DELIVERY_CAUSES = "delivery_causes";
    DELIVERY_FIX = "delivery_fix";
    DELIVERY_RETRY = "delivery_retry";
    DELIVERY_DROP = "delivery_drop";

    RETAIN_PUSH = "retain_push";
    RETAIN_QUARANTINE = "retain_quarantine";
    RETAIN_CAPTURE = "retain_capture";
    RETAIN_DELIVERY = "retain_delivery";
    RETAIN_BEFORE = "retain_before";
    RETAIN_ATTEMPT = "retain_attempt";
    RETAIN_CONVERSATION = "retain_conversation";
    RETAIN_REASON = "retain_reason";
    RETAIN_DECISION = "retain_decision";
    RETAIN_SHADOW = "retain_shadow";
    RETAIN_DEDUP = "retain_dedup";
    RETAIN_EVENT_KEY = "retain_event_key";
    RETAIN_EVENT_KEY_LATE = "retain_event_key_late";

    SHAPE_ADD = "shape_add";
    SHAPE_DROP = "shape_drop";
    SHAPE_LIST = "shape_list";
}
