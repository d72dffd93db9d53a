//! What it takes to seal values on the way into the database, and to open them on the way out.

use crate::random::Random;
use crate::vault::Vault;

/// Seals and opens. Each module of the store adds what it keeps: whose a value is and beside which columns it is
/// sealed is said there, next to the statements.
#[derive(Clone)]
pub(super) struct Sealer {
    pub(super) vault: Vault,
    /// Makes the ids of rows.
    pub(super) random: Random,
}
