//! Links that are made by the steps of the store.

use std::sync::Arc;

use latchkey::App;
use latchkey::clock::Seconds;
use latchkey::model::{
    AccountId, Attempt, ClientKey, Consent, Credential, Handle, Identity, Phase, Redeemed, Round,
    Tenant, Tokens,
};
use latchkey::secret::Secret;
use latchkey::store::{LEASE, Lease};
use tokio::task::JoinSet;

use crate::scene::Scene;

/// By the steps of the store and not by anybody's clicks: very many flows through all the pages would
/// take minutes. The grants at the service are real.
pub async fn link_many(scene: &Scene, app: &Arc<App>, links: u64, key_life: Seconds) {
    let crowd = scene.crowd("acme", links);
    link_all(scene, app, "acme", &crowd, key_life).await;
}

/// The same for these people of this site.
pub async fn link_all(
    scene: &Scene,
    app: &Arc<App>,
    site: &str,
    crowd: &[(String, String)],
    key_life: Seconds,
) {
    let client_key = ClientKey(scene.client_key(site));
    let tenant = app.parts.store.tenant(&client_key).await;
    let tenant = tenant.expect("the database answers").expect("installed");
    let mut linking = JoinSet::new();
    for (account, subject) in crowd {
        if linking.len() >= 8 {
            linking
                .join_next()
                .await
                .expect("one of eight")
                .expect("a link");
        }
        let (access, refresh) = scene.world.service.grant(subject);
        let now = app.parts.clock.now();
        let tokens = Tokens {
            access_token: Secret::new(access),
            requested_at: now,
            expires_at: Some(now + key_life),
            refresh_expires_at: None,
            refresh_token: Some(Secret::new(refresh)),
        };
        let (account, subject) = (account.clone(), subject.clone());
        linking.spawn(link(app.clone(), tenant.clone(), account, subject, tokens));
    }
    while let Some(linked) = linking.join_next().await {
        linked.expect("a link");
    }
}

/// One link, step by step.
pub async fn link(app: Arc<App>, tenant: Tenant, account: String, subject: String, tokens: Tokens) {
    const DONE: &str = "the database answers";
    let (store, now) = (&app.parts.store, app.parts.clock.now());
    let account = AccountId(account);
    let identity = Identity {
        display_name: subject.clone(),
        subject,
    };
    let attempt = redeemed(&app, &tenant, &account, &identity, &tokens).await;
    let credential = Credential {
        api_key: Some(app.parts.service.token_as_key(&tokens)),
        tokens,
        consent: Consent::default(),
        refresh_ends_at: None,
        previous_refresh_token: None,
        lingering: Vec::new(),
        retiring: Vec::new(),
    };
    let claim = store
        .confirm(
            &tenant,
            &attempt,
            &identity,
            credential.clone(),
            Lease {
                owner: &app.renewing.replica,
                until: now + LEASE,
            },
            now,
        )
        .await;
    let claim = claim.expect(DONE).expect("the attempt is not over");
    latchkey::publishing::publish(&app.parts, claim, credential)
        .await
        .expect(DONE);
}

/// An attempt that has brought these tokens and waits for its confirmation.
pub async fn redeemed(
    app: &App,
    tenant: &Tenant,
    account: &AccountId,
    identity: &Identity,
    tokens: &Tokens,
) -> Attempt {
    const DONE: &str = "the database answers";
    let (store, now) = (&app.parts.store, app.parts.clock.now());
    let id = store
        .begin_attempt(tenant, account, None, false, now, 600)
        .await;
    let found = store.attempt(&id.expect(DONE), now).await.expect(DONE);
    let (_, attempt) = found.expect("it has just begun");
    let next = Phase::Redeemed(Redeemed {
        round: Round {
            state_hash: app.parts.random.id(),
            handle: Handle {
                hash: app.parts.random.id(),
                expires_at: now + 60,
            },
            proved_elsewhere: false,
        },
        identity: identity.clone(),
        tokens: tokens.clone(),
        page: app.parts.random.token(),
    });
    let stepped = store.attempt_step(tenant, &attempt, next, now).await;
    stepped.expect(DONE).expect("nobody else is at it")
}
