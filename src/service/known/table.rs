//! The table of known services, as looked up in November 2026.

use super::{
    Answers, ClientAuth, Endpoints, Ends, Evidence, Failing, IdentityFrom, Known, Means, Parameter,
    Refresh, RevokedBy, Revoking, STANDARD_ANSWERS, Scopes, TokenRotation, said, unconfirmed,
};

/// Every service, ordered by key; the last one is any other OpenID provider.
pub const ALL: &[&Known] = &[
    &ASANA, &AUTH0, &BITBUCKET, &ENTRA, &FIGMA, &GITHUB, &GITLAB, &GOOGLE, &KEYCLOAK, &LINEAR,
    &NOTION, &OKTA, &SLACK, &ZOOM, &OIDC,
];

const RFC_6749: &str = "https://www.rfc-editor.org/rfc/rfc6749";
const RFC_7009: &str = "https://www.rfc-editor.org/rfc/rfc7009#section-2";
const RFC_7636: &str = "https://www.rfc-editor.org/rfc/rfc7636";
const OIDC_CORE: &str = "https://openid.net/specs/openid-connect-core-1_0.html";
const OIDC_REQUEST: &str = "https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest";
const OIDC_DISCOVERY: &str = "https://openid.net/specs/openid-connect-discovery-1_0.html";

const IGNORED: &str =
    "no page names it; RFC 6749 sections 3.1 and 3.2 have servers ignore what they do not know";
const NO_END: &str = "no page that could be read names an end";
const NO_PARAMETER: &str = "no page that could be read names one; people log out there first";
const NOT_SAID: &str = "no page that could be read says so";
const AS_THE_STANDARD: &str = "no page that could be read says otherwise than the standard";

const SPACES: &str = " ";
const STANDARD_REFRESH: Refresh = Refresh {
    path: None,
    redirect_uri: false,
};
const STANDARD_REVOCATION: Revoking = Revoking {
    by: RevokedBy::Standard,
    gone: &[],
    gone_status: &[],
};
const NO_REVOCATION: Revoking = Revoking {
    by: RevokedBy::Nothing,
    gone: &[],
    gone_status: &[],
};
const OPENID_SCOPES: Scopes = Scopes {
    default: "openid profile offline_access",
    parameter: "scope",
    separator: SPACES,
};

const fn scopes(default: &'static str) -> Scopes {
    Scopes {
        default,
        parameter: "scope",
        separator: SPACES,
    }
}

const fn always(name: &'static str, value: &'static str) -> Parameter {
    Parameter {
        name,
        value,
        with_scope: None,
    }
}

const fn error(name: &'static str, means: Means, page: &'static str) -> Failing {
    Failing {
        name,
        means,
        source: Evidence::Page(page),
    }
}

const fn error_unconfirmed(name: &'static str, means: Means, why: &'static str) -> Failing {
    Failing {
        name,
        means,
        source: Evidence::Unconfirmed(why),
    }
}

/// Any other OpenID provider, and any service that is described by settings alone.
pub const OIDC: Known = Known {
    key: "oidc",
    name: None,
    endpoints: said(
        Endpoints::Discovery {
            issuer: None,
            example: "https://login.example.com",
        },
        OIDC_DISCOVERY,
    ),
    scopes: said(OPENID_SCOPES, OIDC_CORE),
    client_auth: said(None, OIDC_DISCOVERY),
    pkce: said(true, RFC_7636),
    authorize: said(
        // OpenID Connect Core 1.0, section 11: without it, offline access is not granted.
        &[Parameter {
            name: "prompt",
            value: "consent",
            with_scope: Some("offline_access"),
        }],
        OIDC_CORE,
    ),
    choose: said(None, OIDC_REQUEST),
    refresh: said(STANDARD_REFRESH, RFC_6749),
    answers: said(STANDARD_ANSWERS, RFC_6749),
    identity: said(IdentityFrom::Standard, OIDC_CORE),
    headers: &[],
    access_life: said(None, RFC_6749),
    grant_idle: said(None, RFC_6749),
    grant_life: said(None, RFC_6749),
    rotation: said(TokenRotation::AsConfigured, RFC_6749),
    refresh_ends_access: said(false, RFC_6749),
    revocation: said(STANDARD_REVOCATION, RFC_7009),
    revoking_access_ends: said(Ends::Itself, RFC_7009),
    errors: &[],
    notes: &[],
};

const ASANA_OAUTH: &str = "https://developers.asana.com/docs/oauth";
const ASANA_OPENAPI: &str = "https://github.com/Asana/openapi";

const ASANA: Known = Known {
    key: "asana",
    name: Some("Asana"),
    endpoints: said(
        Endpoints::Fixed {
            authorize: "https://app.asana.com/-/oauth_authorize",
            token: "https://app.asana.com/-/oauth_token",
            identity: "https://app.asana.com/api/1.0/users/me",
            revoke: Some("https://app.asana.com/-/oauth_revoke"),
        },
        ASANA_OAUTH,
    ),
    scopes: said(scopes("users:read"), ASANA_OPENAPI),
    client_auth: said(Some(ClientAuth::Body), ASANA_OAUTH),
    pkce: said(true, ASANA_OAUTH),
    authorize: said(&[], ASANA_OAUTH),
    choose: unconfirmed(None, NO_PARAMETER),
    // The service requires the redirect address with every token request.
    refresh: said(
        Refresh {
            path: None,
            redirect_uri: true,
        },
        ASANA_OAUTH,
    ),
    answers: unconfirmed(STANDARD_ANSWERS, AS_THE_STANDARD),
    identity: said(
        IdentityFrom::Api {
            post: None,
            subject: &["/data/gid"],
            names: &["/data/name", "/data/email"],
        },
        ASANA_OPENAPI,
    ),
    headers: &[],
    access_life: said(Some(3600), ASANA_OAUTH),
    grant_idle: unconfirmed(None, NO_END),
    grant_life: unconfirmed(None, NO_END),
    rotation: said(TokenRotation::None, ASANA_OAUTH),
    refresh_ends_access: unconfirmed(false, NOT_SAID),
    revocation: said(
        Revoking {
            by: RevokedBy::RefreshTokensOnly,
            gone: &[],
            gone_status: &[],
        },
        ASANA_OAUTH,
    ),
    revoking_access_ends: unconfirmed(
        Ends::Itself,
        "access tokens are refused there; they end with their refresh token",
    ),
    errors: &[],
    notes: &[
        "An app registered with full permissions takes the scope `default`: set `LATCHKEY_PROVIDER_SCOPES`.",
    ],
};

const AUTH0_ROTATION: &str =
    "https://auth0.com/docs/secure/tokens/refresh-tokens/configure-refresh-token-rotation";
const AUTH0_EXPIRATION: &str =
    "https://auth0.com/docs/secure/tokens/refresh-tokens/configure-refresh-token-expiration";
const AUTH0_REVOKE: &str =
    "https://auth0.com/docs/secure/tokens/refresh-tokens/revoke-refresh-tokens";

const AUTH0: Known = Known {
    key: "auth0",
    name: Some("Auth0"),
    endpoints: said(
        Endpoints::Discovery {
            issuer: None,
            example: "https://example.eu.auth0.com/",
        },
        "https://auth0.com/docs/get-started/applications/configure-applications-with-oidc-discovery",
    ),
    scopes: said(OPENID_SCOPES, OIDC_CORE),
    client_auth: said(None, OIDC_DISCOVERY),
    pkce: said(true, RFC_7636),
    authorize: unconfirmed(&[], AS_THE_STANDARD),
    choose: said(Some(("prompt", "login")), OIDC_REQUEST),
    refresh: said(
        STANDARD_REFRESH,
        "https://auth0.com/docs/secure/tokens/refresh-tokens/use-refresh-tokens",
    ),
    answers: said(
        STANDARD_ANSWERS,
        "https://community.auth0.com/t/troubleshoot-refresh-token-unknown-or-invalid-before-expiry-403-unknown-or-invalid-refresh-token/120406",
    ),
    identity: said(IdentityFrom::Standard, OIDC_CORE),
    headers: &[],
    // Defaults that the service's operator can change.
    access_life: said(
        Some(86_400),
        "https://auth0.com/docs/secure/tokens/access-tokens/update-access-token-lifetime",
    ),
    grant_idle: said(Some(2_592_000), AUTH0_EXPIRATION),
    grant_life: unconfirmed(
        None,
        "its operator may set one: then set LATCHKEY_PROVIDER_GRANT_LIFE to it",
    ),
    rotation: said(TokenRotation::AsConfigured, AUTH0_ROTATION),
    refresh_ends_access: unconfirmed(false, NOT_SAID),
    revocation: said(
        Revoking {
            by: RevokedBy::RefreshTokensOnly,
            gone: &[],
            gone_status: &[],
        },
        AUTH0_REVOKE,
    ),
    revoking_access_ends: unconfirmed(
        Ends::Itself,
        "access tokens are not revoked there at all; they run out",
    ),
    errors: &[error_unconfirmed(
        "mfa_required",
        Means::Refused,
        "a person may have to act, and no page that could be read says whether linking again is enough",
    )],
    notes: &[
        "The issuer ends with a slash.",
        "Refusals come with status 403.",
        "Lives are set for each application, and those here are the defaults: see https://auth0.com/docs/secure/tokens/refresh-tokens/configure-refresh-token-expiration.",
        "With rotation everything ends 30 days after the consent unless the application says otherwise: set `LATCHKEY_PROVIDER_GRANT_LIFE=2592000`.",
    ],
};

const BITBUCKET_OAUTH: &str = "https://developer.atlassian.com/cloud/bitbucket/oauth-2/";
const BITBUCKET_CHANGES: &str = "https://community.developer.atlassian.com/t/oauth-2-0-and-api-authentication-changes-for-bitbucket-cloud/99003";

const BITBUCKET: Known = Known {
    key: "bitbucket",
    name: Some("Bitbucket"),
    endpoints: said(
        Endpoints::Fixed {
            authorize: "https://bitbucket.org/site/oauth2/authorize",
            token: "https://bitbucket.org/site/oauth2/access_token",
            identity: "https://api.bitbucket.org/2.0/user",
            revoke: None,
        },
        BITBUCKET_OAUTH,
    ),
    scopes: unconfirmed(
        scopes(""),
        "scopes belong to the consumer and are not sent; that could not be read again",
    ),
    client_auth: said(Some(ClientAuth::Basic), BITBUCKET_OAUTH),
    pkce: unconfirmed(true, IGNORED),
    authorize: said(&[], BITBUCKET_OAUTH),
    choose: unconfirmed(None, NO_PARAMETER),
    refresh: said(STANDARD_REFRESH, BITBUCKET_CHANGES),
    answers: unconfirmed(STANDARD_ANSWERS, AS_THE_STANDARD),
    identity: said(
        IdentityFrom::Api {
            post: None,
            subject: &["/uuid"],
            names: &["/display_name", "/nickname"],
        },
        "https://developer.atlassian.com/cloud/bitbucket/rest/api-group-users/",
    ),
    headers: &[],
    access_life: said(
        Some(7200),
        "https://community.developer.atlassian.com/t/oauth2-token-lifetime-expiration-clarification/22136",
    ),
    grant_idle: said(Some(7_776_000), BITBUCKET_CHANGES),
    grant_life: unconfirmed(None, NO_END),
    rotation: unconfirmed(
        TokenRotation::Strict,
        "since May 2026 there is a new refresh token each time; whether the one before works on is not said",
    ),
    refresh_ends_access: unconfirmed(false, NOT_SAID),
    revocation: unconfirmed(
        NO_REVOCATION,
        "no page that could be read names an endpoint",
    ),
    revoking_access_ends: unconfirmed(Ends::Itself, NOT_SAID),
    errors: &[],
    notes: &[
        "The consumer needs the permission to read the account.",
        "Nothing that it gave can be ended early: keys of people who disconnect run out within two hours.",
    ],
};

const ENTRA_FLOW: &str =
    "https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow";
const ENTRA_REFRESH: &str =
    "https://learn.microsoft.com/en-us/entra/identity-platform/refresh-tokens";

const ENTRA: Known = Known {
    key: "entra",
    name: Some("Microsoft"),
    endpoints: said(
        Endpoints::Discovery {
            issuer: Some("https://login.microsoftonline.com/organizations/v2.0"),
            example: "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0",
        },
        "https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc",
    ),
    scopes: said(OPENID_SCOPES, ENTRA_FLOW),
    client_auth: said(Some(ClientAuth::Body), ENTRA_FLOW),
    pkce: said(true, ENTRA_FLOW),
    authorize: said(&[], ENTRA_FLOW),
    choose: said(Some(("prompt", "select_account")), ENTRA_FLOW),
    refresh: said(STANDARD_REFRESH, ENTRA_FLOW),
    answers: said(STANDARD_ANSWERS, ENTRA_FLOW),
    identity: said(
        IdentityFrom::Standard,
        "https://learn.microsoft.com/en-us/entra/identity-platform/id-token-claims-reference",
    ),
    headers: &[],
    access_life: said(Some(3599), ENTRA_FLOW),
    grant_idle: said(Some(7_776_000), ENTRA_REFRESH),
    grant_life: unconfirmed(None, NO_END),
    rotation: said(TokenRotation::OldStays, ENTRA_REFRESH),
    refresh_ends_access: unconfirmed(false, NOT_SAID),
    revocation: unconfirmed(
        NO_REVOCATION,
        "neither its pages nor its metadata name an endpoint",
    ),
    revoking_access_ends: unconfirmed(Ends::Itself, NOT_SAID),
    errors: &[
        error("interaction_required", Means::GrantEnded, ENTRA_FLOW),
        error("consent_required", Means::GrantEnded, ENTRA_FLOW),
        // The app is not in this person's directory: that concerns one company, not all.
        error("unauthorized_client", Means::Refused, ENTRA_FLOW),
        error("temporarily_unavailable", Means::Trouble, ENTRA_FLOW),
    ],
    notes: &[
        "Without `LATCHKEY_PROVIDER_ISSUER`, people of any organization can link; with the issuer of one tenant, those of that one.",
        "Register the redirect address as `web`: those of a `spa` get refresh tokens that end after 24 hours.",
        "Nothing that it gave can be ended early: keys of people who disconnect run out within 90 minutes.",
    ],
};

const FIGMA_OPENAPI: &str = "https://github.com/figma/rest-api-spec";
const FIGMA_CLIENTS: &str = "as public clients have it; Figma's own page could not be read";

const FIGMA: Known = Known {
    key: "figma",
    name: Some("Figma"),
    endpoints: said(
        Endpoints::Fixed {
            authorize: "https://www.figma.com/oauth",
            token: "https://api.figma.com/v1/oauth/token",
            identity: "https://api.figma.com/v1/me",
            revoke: None,
        },
        FIGMA_OPENAPI,
    ),
    scopes: said(scopes("current_user:read"), FIGMA_OPENAPI),
    client_auth: unconfirmed(Some(ClientAuth::Basic), FIGMA_CLIENTS),
    pkce: unconfirmed(true, IGNORED),
    authorize: unconfirmed(&[], FIGMA_CLIENTS),
    choose: unconfirmed(None, NO_PARAMETER),
    refresh: said(
        Refresh {
            path: Some("refresh"),
            redirect_uri: false,
        },
        FIGMA_OPENAPI,
    ),
    answers: unconfirmed(
        Answers {
            nested: None,
            refuses_with_200: false,
            error_in: &["error", "err"],
        },
        "refusals hold a status and a sentence; what they say about a refresh token is not known",
    ),
    identity: said(
        IdentityFrom::Api {
            post: None,
            subject: &["/id"],
            names: &["/handle", "/email"],
        },
        FIGMA_OPENAPI,
    ),
    headers: &[],
    access_life: unconfirmed(Some(7_776_000), FIGMA_CLIENTS),
    grant_idle: unconfirmed(None, NO_END),
    grant_life: unconfirmed(None, NO_END),
    rotation: unconfirmed(TokenRotation::None, FIGMA_CLIENTS),
    refresh_ends_access: unconfirmed(false, NOT_SAID),
    revocation: unconfirmed(
        NO_REVOCATION,
        "no page that could be read names an endpoint",
    ),
    revoking_access_ends: unconfirmed(Ends::Itself, NOT_SAID),
    errors: &[],
    notes: &[
        "A code is good for half a minute, as far as is known: a person who takes longer on the way back through Jira has to begin again.",
        "Keys live for 90 days and cannot be ended early.",
        "See https://developers.figma.com/docs/rest-api/oauth-apps/ for what could not be read here.",
    ],
};

const GITHUB_TOKEN: &str = "https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app";
const GITHUB_REFRESH: &str = "https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens";
const GITHUB_ERRORS: &str = "https://docs.github.com/en/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors";
const GITHUB_SEEN: &str =
    "answered by github.com and known to many clients; no page that could be read lists it";

const GITHUB: Known = Known {
    key: "github",
    name: Some("GitHub"),
    endpoints: said(
        Endpoints::Fixed {
            authorize: "https://github.com/login/oauth/authorize",
            token: "https://github.com/login/oauth/access_token",
            identity: "https://api.github.com/user",
            revoke: Some("https://api.github.com/applications/{client_id}/token"),
        },
        GITHUB_TOKEN,
    ),
    // A GitHub App's permissions take the place of scopes.
    scopes: said(scopes(""), GITHUB_TOKEN),
    client_auth: said(Some(ClientAuth::Body), GITHUB_REFRESH),
    pkce: said(true, GITHUB_TOKEN),
    authorize: said(&[], GITHUB_TOKEN),
    choose: said(Some(("prompt", "select_account")), GITHUB_TOKEN),
    refresh: said(STANDARD_REFRESH, GITHUB_REFRESH),
    answers: unconfirmed(
        Answers {
            nested: None,
            refuses_with_200: true,
            error_in: &["error"],
        },
        GITHUB_SEEN,
    ),
    identity: said(
        IdentityFrom::Api {
            post: None,
            subject: &["/id"],
            names: &["/name", "/login"],
        },
        "https://docs.github.com/en/rest/users/users#get-the-authenticated-user",
    ),
    headers: &[("x-github-api-version", "2022-11-28")],
    access_life: said(Some(28_800), GITHUB_REFRESH),
    grant_idle: said(Some(15_897_600), GITHUB_TOKEN),
    grant_life: unconfirmed(None, NO_END),
    rotation: said(TokenRotation::Strict, GITHUB_REFRESH),
    refresh_ends_access: said(true, GITHUB_REFRESH),
    revocation: said(
        Revoking {
            by: RevokedBy::ByApp,
            gone: &[],
            gone_status: &[404, 422],
        },
        "https://docs.github.com/en/rest/apps/oauth-applications",
    ),
    revoking_access_ends: said(
        Ends::Itself,
        "https://docs.github.com/en/rest/apps/oauth-applications",
    ),
    errors: &[
        error(
            "incorrect_client_credentials",
            Means::AppRefused,
            GITHUB_ERRORS,
        ),
        error_unconfirmed("bad_refresh_token", Means::GrantEnded, GITHUB_SEEN),
        error("bad_verification_code", Means::Refused, GITHUB_ERRORS),
        error("redirect_uri_mismatch", Means::Refused, GITHUB_ERRORS),
        error("unverified_user_email", Means::Refused, GITHUB_ERRORS),
    ],
    notes: &[
        "For GitHub Apps. Leave the expiration of user access tokens switched on: without it there are no refresh tokens.",
        "A refresh ends the key before it at once: from then until Jira holds the new one, mostly less than a second, the key there does not work.",
        "GitHub Enterprise Server has the same habits at other addresses: set all four of them.",
    ],
};

const GITLAB_OAUTH: &str = "https://docs.gitlab.com/api/oauth2/";
const GITLAB_OPENID: &str = "https://docs.gitlab.com/integration/openid_connect_provider/";

const GITLAB_METADATA: &str = "https://gitlab.com/.well-known/openid-configuration";

const GITLAB: Known = Known {
    key: "gitlab",
    name: Some("GitLab"),
    endpoints: said(
        Endpoints::Discovery {
            issuer: Some("https://gitlab.com"),
            example: "https://gitlab.example.com",
        },
        GITLAB_OPENID,
    ),
    // No `offline_access`: every grant has a refresh token.
    scopes: said(scopes("openid profile"), GITLAB_METADATA),
    client_auth: said(Some(ClientAuth::Body), GITLAB_OAUTH),
    pkce: said(true, GITLAB_OAUTH),
    authorize: said(&[], GITLAB_OAUTH),
    choose: unconfirmed(None, NO_PARAMETER),
    refresh: said(
        Refresh {
            path: None,
            redirect_uri: true,
        },
        GITLAB_OAUTH,
    ),
    answers: unconfirmed(STANDARD_ANSWERS, AS_THE_STANDARD),
    identity: said(IdentityFrom::Standard, GITLAB_OPENID),
    headers: &[],
    access_life: said(Some(7200), GITLAB_OAUTH),
    grant_idle: unconfirmed(None, NO_END),
    grant_life: unconfirmed(None, NO_END),
    rotation: said(TokenRotation::Strict, GITLAB_OAUTH),
    refresh_ends_access: said(true, GITLAB_OAUTH),
    revocation: said(STANDARD_REVOCATION, GITLAB_OAUTH),
    revoking_access_ends: unconfirmed(Ends::Itself, NOT_SAID),
    errors: &[],
    notes: &[
        "For your own GitLab set `LATCHKEY_PROVIDER_ISSUER` to its address.",
        "A refresh ends the key before it at once: from then until Jira holds the new one, mostly less than a second, the key there does not work.",
    ],
};

// Google documents this once for each API; these pages could be read in full.
const GOOGLE_WEB: &str =
    "https://developers.google.com/youtube/v3/guides/auth/server-side-web-apps";
const GOOGLE_REVOKE: &str =
    "https://developers.google.com/youtube/v3/guides/auth/client-side-web-apps#tokenrevoke";
const GOOGLE_OPENID: &str = "https://developers.google.com/identity/openid-connect/openid-connect";
const GOOGLE_EXPIRATION: &str =
    "https://developers.google.com/identity/protocols/oauth2#expiration";

const GOOGLE: Known = Known {
    key: "google",
    name: Some("Google"),
    endpoints: said(
        Endpoints::Discovery {
            issuer: Some("https://accounts.google.com"),
            example: "https://accounts.google.com",
        },
        "https://developers.google.com/identity/openid-connect/reference",
    ),
    scopes: said(scopes("openid profile"), GOOGLE_OPENID),
    client_auth: said(Some(ClientAuth::Body), GOOGLE_WEB),
    pkce: said(
        true,
        "https://accounts.google.com/.well-known/openid-configuration",
    ),
    // Only the first consent brings a refresh token, unless consent is requested again.
    authorize: said(
        &[
            always("access_type", "offline"),
            always("prompt", "consent"),
        ],
        GOOGLE_WEB,
    ),
    choose: said(Some(("prompt", "select_account")), GOOGLE_WEB),
    refresh: said(STANDARD_REFRESH, GOOGLE_WEB),
    answers: said(STANDARD_ANSWERS, GOOGLE_WEB),
    identity: said(IdentityFrom::Standard, GOOGLE_OPENID),
    headers: &[],
    access_life: unconfirmed(Some(3600), "what its answers say as a rule"),
    grant_idle: said(Some(15_552_000), GOOGLE_EXPIRATION),
    grant_life: said(None, GOOGLE_EXPIRATION),
    rotation: said(TokenRotation::None, GOOGLE_WEB),
    refresh_ends_access: unconfirmed(false, NOT_SAID),
    revocation: said(STANDARD_REVOCATION, GOOGLE_WEB),
    revoking_access_ends: said(Ends::Account, GOOGLE_REVOKE),
    errors: &[
        error("deleted_client", Means::AppRefused, GOOGLE_WEB),
        error("admin_policy_enforced", Means::Refused, GOOGLE_WEB),
        error("org_internal", Means::Refused, GOOGLE_WEB),
        error_unconfirmed("internal_failure", Means::Trouble, "seen by public clients"),
    ],
    notes: &[
        "While the app's publishing status is \"Testing\", consent to more than name, address and profile ends after seven days: set `LATCHKEY_PROVIDER_GRANT_LIFE=604800`, or publish it.",
        "A disconnect ends what the account gave to any client of the same Google Cloud project: give Latchkey a project of its own.",
        "An account has at most 100 refresh tokens for one client; the oldest ends without a word.",
    ],
};

const KEYCLOAK_TIMEOUTS: &str =
    "https://www.keycloak.org/docs/latest/server_admin/index.html#_timeouts";
const KEYCLOAK_OFFLINE: &str =
    "https://www.keycloak.org/docs/latest/server_admin/index.html#_offline-access";

const KEYCLOAK: Known = Known {
    key: "keycloak",
    name: Some("Keycloak"),
    endpoints: said(
        Endpoints::Discovery {
            issuer: None,
            example: "https://keycloak.example.com/realms/staff",
        },
        "https://www.keycloak.org/securing-apps/oidc-layers",
    ),
    scopes: said(OPENID_SCOPES, KEYCLOAK_OFFLINE),
    client_auth: said(None, OIDC_DISCOVERY),
    pkce: said(true, RFC_7636),
    // Offline access is a role in Keycloak and needs no consent.
    authorize: unconfirmed(&[], AS_THE_STANDARD),
    choose: said(Some(("prompt", "login")), OIDC_REQUEST),
    refresh: said(STANDARD_REFRESH, KEYCLOAK_OFFLINE),
    answers: unconfirmed(STANDARD_ANSWERS, AS_THE_STANDARD),
    identity: said(IdentityFrom::Standard, OIDC_CORE),
    headers: &[],
    access_life: unconfirmed(Some(300), "a default that its operator can change"),
    grant_idle: said(Some(2_592_000), KEYCLOAK_OFFLINE),
    grant_life: unconfirmed(
        None,
        "its operator may set one: then set LATCHKEY_PROVIDER_GRANT_LIFE to it",
    ),
    rotation: said(TokenRotation::AsConfigured, KEYCLOAK_TIMEOUTS),
    refresh_ends_access: unconfirmed(false, NOT_SAID),
    revocation: said(
        STANDARD_REVOCATION,
        "https://www.keycloak.org/securing-apps/oidc-layers",
    ),
    revoking_access_ends: unconfirmed(Ends::Itself, NOT_SAID),
    errors: &[],
    notes: &[
        "Keys live for five minutes unless the realm says otherwise: with many links, give them hours (`latchkey doctor` works out how many).",
        "With \"Revoke Refresh Token\" on and a reuse count of 0, an answer that is lost loses the link; leave it off, or allow one reuse.",
    ],
};

const LINEAR_OAUTH: &str = "https://linear.app/developers/oauth-2-0-authentication";

const LINEAR: Known = Known {
    key: "linear",
    name: Some("Linear"),
    endpoints: said(
        Endpoints::Fixed {
            authorize: "https://linear.app/oauth/authorize",
            token: "https://api.linear.app/oauth/token",
            identity: "https://api.linear.app/graphql",
            revoke: Some("https://api.linear.app/oauth/revoke"),
        },
        LINEAR_OAUTH,
    ),
    scopes: said(
        Scopes {
            default: "read",
            parameter: "scope",
            separator: ",",
        },
        LINEAR_OAUTH,
    ),
    client_auth: said(Some(ClientAuth::Body), LINEAR_OAUTH),
    pkce: said(true, LINEAR_OAUTH),
    authorize: said(&[], LINEAR_OAUTH),
    // Its consent page lets people choose another workspace.
    choose: said(Some(("prompt", "consent")), LINEAR_OAUTH),
    refresh: said(STANDARD_REFRESH, LINEAR_OAUTH),
    answers: unconfirmed(STANDARD_ANSWERS, AS_THE_STANDARD),
    identity: said(
        IdentityFrom::Api {
            post: Some(r#"{"query":"{ viewer { id name email } }"}"#),
            subject: &["/data/viewer/id"],
            names: &["/data/viewer/name", "/data/viewer/email"],
        },
        LINEAR_OAUTH,
    ),
    headers: &[],
    access_life: said(Some(86_399), LINEAR_OAUTH),
    grant_idle: unconfirmed(None, NO_END),
    grant_life: unconfirmed(None, NO_END),
    rotation: unconfirmed(
        TokenRotation::Strict,
        "there is a new refresh token each time; whether the one before works on is not said",
    ),
    refresh_ends_access: unconfirmed(false, NOT_SAID),
    revocation: said(
        Revoking {
            by: RevokedBy::NamedField,
            gone: &[],
            gone_status: &[400, 401],
        },
        LINEAR_OAUTH,
    ),
    revoking_access_ends: unconfirmed(
        Ends::Account,
        "its page speaks of the user's access to the app, so more than one token may end",
    ),
    errors: &[],
    notes: &[],
};

const NOTION_REFRESH: &str = "https://developers.notion.com/reference/refresh-a-token";
const NOTION_REVOKE: &str = "https://developers.notion.com/reference/revoke-token";
const NOTION_AUTHORIZATION: &str = "https://developers.notion.com/docs/authorization";

const NOTION: Known = Known {
    key: "notion",
    name: Some("Notion"),
    endpoints: said(
        Endpoints::Fixed {
            authorize: "https://api.notion.com/v1/oauth/authorize",
            token: "https://api.notion.com/v1/oauth/token",
            identity: "https://api.notion.com/v1/users/me",
            revoke: Some("https://api.notion.com/v1/oauth/revoke"),
        },
        NOTION_AUTHORIZATION,
    ),
    // An integration's capabilities, and the pages that a person picks, take the place of scopes.
    scopes: said(
        scopes(""),
        "https://developers.notion.com/reference/capabilities",
    ),
    client_auth: said(Some(ClientAuth::BasicJson), NOTION_REFRESH),
    pkce: unconfirmed(
        false,
        "no page names it, and the JSON that it takes is checked against a schema",
    ),
    authorize: said(&[always("owner", "user")], NOTION_AUTHORIZATION),
    choose: unconfirmed(None, NO_PARAMETER),
    refresh: said(STANDARD_REFRESH, NOTION_REFRESH),
    answers: said(
        Answers {
            nested: None,
            refuses_with_200: false,
            error_in: &["error", "code"],
        },
        NOTION_REVOKE,
    ),
    identity: said(
        IdentityFrom::Api {
            post: None,
            subject: &["/bot/owner/user/id"],
            names: &["/bot/owner/user/name", "/name"],
        },
        "https://developers.notion.com/changelog/retrieve-information-about-your-token",
    ),
    headers: &[("notion-version", "2025-09-03")],
    access_life: unconfirmed(
        None,
        "its answers do not say: keys are taken to live for an hour",
    ),
    grant_idle: unconfirmed(None, NO_END),
    grant_life: unconfirmed(None, NO_END),
    rotation: unconfirmed(
        TokenRotation::Strict,
        "there is a new refresh token each time; others report that the one before ends",
    ),
    refresh_ends_access: unconfirmed(true, "others report that the pair before ends"),
    revocation: said(STANDARD_REVOCATION, NOTION_REVOKE),
    revoking_access_ends: unconfirmed(Ends::Itself, NOT_SAID),
    errors: &[],
    notes: &[
        "For public integrations. The request for tokens is JSON, not a form.",
        "One person with two workspaces is one account here.",
    ],
};

const OKTA_REVOKE: &str = "https://developer.okta.com/docs/guides/revoke-tokens/main/";
const OKTA_REFRESH: &str = "https://developer.okta.com/docs/guides/refresh-tokens/main/";

const OKTA: Known = Known {
    key: "okta",
    name: Some("Okta"),
    endpoints: said(
        Endpoints::Discovery {
            issuer: None,
            example: "https://example.okta.com/oauth2/default",
        },
        OKTA_REFRESH,
    ),
    scopes: said(OPENID_SCOPES, OKTA_REFRESH),
    client_auth: said(None, OKTA_REFRESH),
    pkce: said(true, OKTA_REFRESH),
    authorize: said(&[], OKTA_REFRESH),
    choose: said(Some(("prompt", "login")), OIDC_REQUEST),
    refresh: said(STANDARD_REFRESH, OKTA_REFRESH),
    answers: unconfirmed(STANDARD_ANSWERS, AS_THE_STANDARD),
    identity: said(IdentityFrom::Standard, OIDC_CORE),
    headers: &[],
    access_life: said(Some(3600), OKTA_REFRESH),
    grant_idle: said(Some(604_800), OKTA_REFRESH),
    grant_life: said(None, OKTA_REFRESH),
    rotation: said(TokenRotation::AsConfigured, OKTA_REFRESH),
    refresh_ends_access: unconfirmed(false, NOT_SAID),
    revocation: said(STANDARD_REVOCATION, OKTA_REVOKE),
    revoking_access_ends: said(Ends::Itself, OKTA_REVOKE),
    errors: &[],
    notes: &[
        "Web apps keep their refresh token unless rotation is switched on; then the grace is 30 seconds unless it is set otherwise, and the reuse of an older one ends everything.",
        "With the authorization server of the organization itself (an issuer without a path) a refresh token lives for 90 days: set `LATCHKEY_PROVIDER_GRANT_LIFE=7776000`.",
    ],
};

const SLACK_ROTATION: &str = "https://docs.slack.dev/authentication/using-token-rotation/";
const SLACK_PKCE: &str = "https://docs.slack.dev/authentication/using-pkce/";
const SLACK_ACCESS: &str = "https://docs.slack.dev/reference/methods/oauth.v2.access";
const SLACK_OTHER_METHODS: &str =
    "documented for other methods; the list for this one could not be read";

const SLACK: Known = Known {
    key: "slack",
    name: Some("Slack"),
    endpoints: said(
        Endpoints::Fixed {
            authorize: "https://slack.com/oauth/v2/authorize",
            token: "https://slack.com/api/oauth.v2.access",
            identity: "https://slack.com/api/auth.test",
            revoke: Some("https://slack.com/api/auth.revoke"),
        },
        SLACK_ROTATION,
    ),
    scopes: said(
        Scopes {
            default: "users.profile:read",
            parameter: "user_scope",
            separator: ",",
        },
        SLACK_PKCE,
    ),
    client_auth: said(Some(ClientAuth::Basic), SLACK_ACCESS),
    pkce: said(false, SLACK_PKCE),
    authorize: said(&[], SLACK_PKCE),
    choose: unconfirmed(None, NO_PARAMETER),
    refresh: said(STANDARD_REFRESH, SLACK_ROTATION),
    answers: said(
        Answers {
            nested: Some("authed_user"),
            refuses_with_200: true,
            error_in: &["error"],
        },
        SLACK_ROTATION,
    ),
    identity: said(
        IdentityFrom::Api {
            post: Some(""),
            // A user id is unique within a workspace only.
            subject: &["/team_id", "/user_id"],
            names: &["/user"],
        },
        "https://docs.slack.dev/reference/methods/auth.test",
    ),
    headers: &[],
    access_life: said(Some(43_200), SLACK_ROTATION),
    grant_idle: said(None, SLACK_PKCE),
    grant_life: said(None, SLACK_PKCE),
    rotation: said(TokenRotation::Grace(None), SLACK_ROTATION),
    refresh_ends_access: said(false, SLACK_ROTATION),
    revocation: said(
        Revoking {
            by: RevokedBy::Bearer,
            gone: &[
                "token_revoked",
                "token_expired",
                "invalid_auth",
                "account_inactive",
            ],
            gone_status: &[],
        },
        "https://docs.slack.dev/reference/methods/auth.revoke",
    ),
    revoking_access_ends: said(Ends::Itself, SLACK_ROTATION),
    errors: &[
        error("bad_client_secret", Means::AppRefused, SLACK_ACCESS),
        error("invalid_client_id", Means::AppRefused, SLACK_ACCESS),
        error_unconfirmed(
            "invalid_refresh_token",
            Means::GrantEnded,
            SLACK_OTHER_METHODS,
        ),
        error_unconfirmed("token_revoked", Means::GrantEnded, SLACK_OTHER_METHODS),
        error_unconfirmed("account_inactive", Means::GrantEnded, SLACK_OTHER_METHODS),
        error_unconfirmed("fatal_error", Means::Trouble, SLACK_OTHER_METHODS),
        error_unconfirmed("internal_error", Means::Trouble, SLACK_OTHER_METHODS),
        error_unconfirmed("service_unavailable", Means::Trouble, SLACK_OTHER_METHODS),
        error_unconfirmed("request_timeout", Means::Trouble, SLACK_OTHER_METHODS),
    ],
    notes: &[
        "For user tokens. Turn on token rotation: without it there are no refresh tokens.",
        "Leave PKCE off: it makes the app a public client, whose refresh tokens end after 30 days.",
        "At most two tokens live at a time: the key before the last ends with the next.",
    ],
};

// Zoom publishes this for developers.
const ZOOM_OAUTH: &str = "https://github.com/zoom/skills";
const ZOOM_SUPPORT: &str = "https://devsupport.zoom.us/hc/en-us/articles/360060332931-Extending-the-expiration-for-an-OAuth-access-token";

const ZOOM: Known = Known {
    key: "zoom",
    name: Some("Zoom"),
    endpoints: said(
        Endpoints::Fixed {
            authorize: "https://zoom.us/oauth/authorize",
            token: "https://zoom.us/oauth/token",
            identity: "https://api.zoom.us/v2/users/me",
            revoke: Some("https://zoom.us/oauth/revoke"),
        },
        ZOOM_OAUTH,
    ),
    // The app's registration sets the scopes.
    scopes: unconfirmed(
        scopes(""),
        "not sent, so that those of the app count; Zoom's own texts differ on whether they may be",
    ),
    client_auth: said(Some(ClientAuth::Basic), ZOOM_SUPPORT),
    pkce: said(true, "https://developers.zoom.us/blog/public-pkce/"),
    authorize: said(&[], ZOOM_OAUTH),
    choose: unconfirmed(None, NO_PARAMETER),
    refresh: said(STANDARD_REFRESH, ZOOM_SUPPORT),
    answers: unconfirmed(
        STANDARD_ANSWERS,
        "refusals hold a reason besides the error; older ones name another error",
    ),
    identity: unconfirmed(
        IdentityFrom::Api {
            post: None,
            subject: &["/id"],
            names: &["/display_name", "/email"],
        },
        "as its API has answered for years; the page could not be read again",
    ),
    headers: &[],
    access_life: said(Some(3600), ZOOM_SUPPORT),
    grant_idle: unconfirmed(
        Some(7_776_000),
        "newer pages say 90 days, and an older one 15 years",
    ),
    grant_life: unconfirmed(None, NO_END),
    rotation: said(TokenRotation::Strict, ZOOM_SUPPORT),
    refresh_ends_access: unconfirmed(false, NOT_SAID),
    revocation: unconfirmed(
        STANDARD_REVOCATION,
        "its pages show it with access tokens; whether it takes refresh tokens is not said",
    ),
    revoking_access_ends: unconfirmed(Ends::Itself, NOT_SAID),
    errors: &[error_unconfirmed(
        "invalid_request",
        Means::Refused,
        "older answers to a used refresh token; it may mean anything, so nobody is asked to reconnect",
    )],
    notes: &["The app needs the scope to read its user."],
};
