//! Every upper limit of the shell, named, with its reason. Where a limit is the admin's choice it stands in the config.

use leadloop_sync_core::time::Micros;

/// Bytes of one pushed body. Larger ones get 413; files come through `leadloop import`, which reads in chunks.
pub const BODY_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of one order of a command: a chunk of a file's rows, with room to spare.
pub const ORDER_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of all headers kept with a push.
pub const HEADER_BYTES: usize = 16 * 1024;
/// Headers kept with a push.
pub const HEADERS: usize = 64;
/// A source is answered within this time, or told to come again.
pub const ANSWER_WITHIN: Micros = Micros::seconds(2);
/// A client that dribbles its headers is let go after this time.
pub const HEADER_READ: Micros = Micros::seconds(10);
/// A client that dribbles its body is let go after this time.
pub const BODY_READ: Micros = Micros::seconds(30);
/// Connections at once: beyond, new ones wait in the backlog.
pub const CONNECTIONS: usize = 4_096;
/// Captures in one absorbing transaction: long enough to pay for the commit, short enough that ingress hardly waits.
pub const ABSORB_BATCH: u32 = 256;
/// The same where nobody else waits for the database: an import without a running leadloop.
pub const ABSORB_ALONE: u32 = 1_024;
/// Deliveries claimed at once by a link.
pub const CLAIM_BATCH: u32 = 256;
/// Deliveries that are looked at in one go because they may be said together with claimed ones before them.
pub const BEHIND: u32 = 2_000;
/// Deliveries settled in one transaction.
pub const SETTLE_BATCH: usize = 512;
/// Deadlines worked off in one transaction.
pub const TICK_BATCH: u32 = 256;
/// Requests one exchange may take: an exchange that wants more is broken.
pub const REQUESTS_PER_EXCHANGE: u32 = 8;
/// Bytes of one answer that are read.
pub const ANSWER_BYTES: usize = 10 * 1024 * 1024;
/// Bytes of one request or answer that are kept for people ([`crate::transcript`]).
pub const SAID_BYTES: usize = 8 * 1024;
/// A claim that is older ran out: its node died or hangs.
pub const CLAIM_FOR: Micros = Micros::seconds(120);
/// A lease on a link that is not extended ends after this time, and another node takes the link over.
pub const LEASE_FOR: Micros = Micros::seconds(6);
/// How often leases are extended, and free ones looked for.
pub const BEAT_EVERY: Micros = Micros::seconds(2);
/// The clocks of a node and the database may be this far apart; claims last four times as long.
pub const CLOCK_SKEW: Micros = Micros::seconds(30);
/// How often claims that ran out are looked for.
pub const RECLAIM_EVERY: Micros = Micros::seconds(1);
/// Visits looked at in one transaction.
pub const VISITS_BATCH: u32 = 200;
/// How often visits that may be over are looked for: a minute more or less does not matter to anybody.
pub const VISITS_EVERY: Micros = Micros::seconds(20);
/// Decisions a shadow looks at in one go.
pub const SHADOW_BATCH: u32 = 200;
/// How often a shadow looks for decisions; nobody waits for it.
pub const SHADOW_EVERY: Micros = Micros::seconds(5);
/// A shadow that is behind rests this long between two pages, so that it never takes a core from the live decisions.
pub const SHADOW_PAUSE: Micros = Micros::millis(50);
/// Rounds a stale transaction is tried anew before it runs alone.
pub const STALE_ROUNDS: u32 = 5;
/// A loop that nobody wakes looks by itself after this time.
pub const LOOK_EVERY: Micros = Micros::seconds(5);
/// A link at which something is held back looks for the rest of its work no sooner than this.
pub const LOOK_AGAIN: Micros = Micros::millis(250);
/// A settlement that two nodes collided on waits this long.
pub const AFTER_STALE: Micros = Micros::millis(5);
/// A loop whose store fails waits this long before it tries again.
pub const AFTER_FAILURE: Micros = Micros::seconds(1);
/// A link that was taken out of the config gets this long to come to rest.
pub const DRAIN_LINK: Micros = Micros::seconds(30);
/// How often folders are looked at; a file that did not change between two looks is whole.
pub const FOLDERS_EVERY: Micros = Micros::seconds(3);
/// How often sources are looked at: silence is judged by hours.
pub const VIGIL_EVERY: Micros = Micros::minutes(10);
/// How often is looked which sources are due for a canary.
pub const CANARY_LOOK: Micros = Micros::seconds(20);
/// A source whose canaries another node sends is asked about again after this time.
pub const CANARY_AGAIN: Micros = Micros::minutes(1);
/// How long the alarm of a database that took no writes stands after it takes them again.
pub const TROUBLE_FOR: Micros = Micros::minutes(10);
/// How often a node looks whether its config is the one in force.
pub const WATCH_EVERY: Micros = Micros::seconds(2);
/// Exchanges under way at once per link, where neither config nor manifest says.
pub const CONCURRENT: u32 = 8;
/// Redirects are never followed: a CRM that redirects is misconfigured or hostile.
pub const CONNECT_WITHIN: Micros = Micros::seconds(10);
/// Pushes that wait to be kept: beyond, senders wait for room.
pub const KEEP_QUEUE: usize = 4_096;
/// Bytes of bodies in one keeping transaction.
pub const KEEP_BYTES: usize = 16 * 1024 * 1024;
/// Pushes and captures in one keeping transaction: enough to pay for the commit, few enough to answer within milliseconds.
pub const KEEP_ROWS: usize = 2_000;

/// Messages of a digest that are put into one; more go with the next.
pub const BUNDLE: usize = 50;

/// Alarms, digests and reports are looked at so often.
pub const NOTICES_EVERY: Micros = Micros::seconds(30);
