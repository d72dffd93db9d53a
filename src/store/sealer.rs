//! Seals values on the way into the database, and opens them on the way out.

use crate::random::Random;
use crate::vault::Vault;

use super::outbox::Receiver;

/// Seals and opens. Each module of the store adds methods for its values: the place and the bound columns of
/// a value are defined next to its statements.
#[derive(Clone)]
pub(super) struct Sealer {
    pub(super) vault: Vault,
    /// Generates the ids of rows.
    pub(super) random: Random,
    /// Who is told what happens to links.
    pub(super) receiver: Receiver,
}
