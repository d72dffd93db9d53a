//! Links that are made by the steps of the store.

use std::sync::Arc;

use latchkey::clock::Seconds;
use latchkey::model::{
    AccountId, Authorizing, ClientKey, Consent, Credential, Identity, Phase, Proved, Returned,
    Tenant, Tokens,
};
use latchkey::secret::Secret;
use latchkey::{App, renewal};
use tokio::task::JoinSet;

use crate::scene::Scene;

/// By the steps of the store and not by anybody's clicks: very many flows through all the pages would
/// take minutes. The grants at the service are real.
pub async fn link_many(scene: &Scene, app: &Arc<App>, links: u64, key_life: Seconds) {
    let client_key = ClientKey(scene.world.jira.site("acme").client_key);
    let tenant = app.store.tenant(&client_key).await;
    let tenant = tenant.expect("the database answers").expect("installed");
    let mut linking = JoinSet::new();
    for (account, subject) in scene.crowd("acme", links) {
        if linking.len() >= 8 {
            linking
                .join_next()
                .await
                .expect("one of eight")
                .expect("a link");
        }
        let (access, refresh) = scene.world.service.grant(&subject);
        let now = app.clock.now();
        let tokens = Tokens {
            access_token: Secret::new(access),
            requested_at: now,
            expires_at: Some(now + key_life),
            refresh_expires_at: None,
            refresh_token: Some(Secret::new(refresh)),
        };
        linking.spawn(link(app.clone(), tenant.clone(), account, subject, tokens));
    }
    while let Some(linked) = linking.join_next().await {
        linked.expect("a link");
    }
}

/// One link, step by step.
pub async fn link(app: Arc<App>, tenant: Tenant, account: String, subject: String, tokens: Tokens) {
    const DONE: &str = "the database answers";
    let (store, now) = (&app.store, app.clock.now());
    let account = AccountId(account);
    let (state, handle) = (app.random.id(), app.random.id());
    let verifier = || Secret::new("a-verifier-that-nobody-needs");
    let identity = Identity {
        display_name: subject.clone(),
        subject,
    };
    let id = store
        .begin_attempt(&tenant, &account, None, false, now, 60)
        .await;
    let id = id.expect(DONE);
    let kept = Authorizing {
        state_hash: state.clone(),
        code_verifier: verifier(),
        nonce: verifier(),
    };
    let authorizing = store.attempt_authorizing(&tenant, &id, &kept, now).await;
    assert!(authorizing.expect(DONE));
    let kept = Returned {
        code: verifier(),
        code_verifier: verifier(),
        nonce: verifier(),
        handle_hash: handle.clone(),
        handle_expires_at: now + 60,
    };
    let returned = store
        .attempt_returned(&tenant, &id, &state, &kept, now)
        .await;
    assert!(returned.expect(DONE));
    assert!(store.attempt_redeem(&id, &handle, now).await.expect(DONE));
    let (_, attempt) = store
        .attempt(&id, now)
        .await
        .expect(DONE)
        .expect("it goes on");
    assert!(matches!(attempt.phase, Phase::Redeeming));
    let kept = Proved {
        handle_hash: handle.clone(),
        identity: identity.clone(),
        tokens: tokens.clone(),
    };
    let proved = store.attempt_proved(&tenant, &attempt, &kept, now).await;
    assert!(proved.expect(DONE));
    let credential = Credential {
        api_key: Some(app.provider.token_as_key(&tokens)),
        tokens,
        consent: Consent::default(),
        refresh_ends_at: None,
        previous_refresh_token: None,
        lingering: Vec::new(),
        retiring: Vec::new(),
    };
    let lease_until = now + renewal::LEASE;
    let claim = store
        .confirm(
            &tenant,
            &attempt,
            &handle,
            &identity,
            credential.clone(),
            &app.replica,
            now,
            lease_until,
        )
        .await;
    let claim = claim.expect(DONE).expect("the attempt is not over");
    renewal::publish(&app, claim, credential).await.expect(DONE);
}
