### Every text that people read on the pages of Latchkey, in English. docs/languages.md says how to add a language.
### $service and $app are the names of the service and of the app, in every message.
### Buttons are named in texts as they are labelled, so keep both the same.

## Buttons and labels of several pages

button-continue = Continue
button-cancel = Cancel
button-try-again = Try again
button-another-account = Use another account
button-disconnect = Disconnect
back-to-jira = Back to Jira
back-to-issue = Back to { $issue }
account-id = Account ID
code-label = Code:
reference-label = Reference:
your-jira-account = Your Jira account
connected-as = Connected as { $name }
still-connected = You're still connected to { $service } as { $name }.
nothing-connected = Nothing was connected.
nothing-connected-yet = Nothing was connected yet. Try again in a moment.
try-again-soon = That didn't work. Try again in a moment.

## Panel in an issue

button-connect = Connect
button-reconnect = Reconnect
panel-checking = Checking your connection…
panel-unreachable = Can't reach { $app }
panel-offline = You're offline
panel-retrying = Retrying automatically.
panel-retry-at = Retrying at { $time }.
panel-retry-online = This updates when you're back online.
panel-retry-reload = Retrying automatically. If this doesn't help, reload the issue.
panel-unfinished = You didn't finish connecting, so nothing was connected.
panel-unfinished-stays = You didn't finish connecting. { $name } stays connected.
panel-unfinished-unchanged = You didn't finish connecting, so nothing has changed.
panel-cancelled = Cancelled. Nothing was connected.
panel-cancelled-stays = Cancelled. { $name } stays connected.
panel-cancelled-unchanged = Cancelled. Nothing has changed.
panel-left-shared = Disconnected. The key isn't renewed anymore. { $service } keeps the login until the other connection to the same account ends.
panel-left-retried = Disconnected. The key isn't renewed anymore. { $service } or Jira hasn't confirmed yet that the last key is gone. Retrying automatically.
panel-connect-title = Connect your { $service } account
panel-connect = Use { $service } from Jira as yourself. { $app } keeps an expiring key in your Jira profile and renews it until you disconnect.
panel-connecting = Connecting…
panel-finish-in-tab = Finish in the tab that opened: log in at { $service }, come back to Jira, then confirm.
panel-tab-lost = Closed or lost the tab? Start again, or cancel.
panel-arriving = Connecting { $name }…
panel-arriving-text = Jira doesn't have your key yet. Retrying automatically.
panel-purpose = You can use { $service } from Jira as yourself.
panel-consent = Your connection to { $service } ends on { $date }. Reconnect to keep it.
panel-account = Account
panel-expired-at = Expired
panel-since = The key has expired: { $time }.
panel-was = It was connected as { $name }.
panel-switching = Connecting another account…
panel-reconnecting = Reconnecting…
panel-stays = { $name } stays connected until you finish.
panel-switching-text = Finish in the tab that opened. Closed or lost it? Start again, or cancel.
panel-not-installed-title = { $app } isn't installed properly
panel-not-installed = Reload the issue. If you see this again, ask a Jira admin of this site to reinstall { $app }.
panel-renewing = Renewing the key…
panel-renewed = The key was renewed.
panel-manage = Manage
panel-renew-now = Renew now
panel-disconnect-ask = Disconnect { $service }?
panel-details = Details
panel-service = Service
panel-renewed-at = Renewed
panel-key-number = Key number
panel-blocked-title = No new tab has opened.
panel-blocked = Your browser may have blocked it. Look for a sign in its address bar, allow pop-ups for this Jira site, and select the button again.
panel-ask-admin = Ask a Jira admin of this site.
panel-reconnect-default = The key couldn't be renewed. Reconnect to fix this.
panel-flag-reconnect = To keep using { $service } in Jira, select Reconnect in this issue.
panel-flag-expired = The panel in this issue says why.
panel-flag-works = Your connection to { $service } works again

## What people see of the service

step-one = Step 1 of 3
step-two = Step 2 of 3
step-three = Step 3 of 3
link-allow-title = What you allow at { $service }
allow-identity = Know which account is yours
allow-profile = Read your name and picture
allow-email = Read your email address
allow-offline = Renew the key while you're away
allow-read = Read what you can see there
allow-other = Permission { $scope }
service-help = Help
service-privacy = Privacy
contact-support = Contact support

## Linking page

link-title = Connect { $service } to Jira
link-page-title = Connect { $service }
link-connected-as = You're connected to { $service } as { $name }. This account stays connected until you connect another one.
link-awaits-jira-title = You've logged in at { $service }, but Jira hasn't confirmed who you are yet.
link-awaits-jira = If the Jira page is still open in another tab, continue there. Otherwise, select Continue to log in again.
link-for = You're connecting for this Jira account
link-not-you = Not you, or not your site? Then somebody else started this. Select Cancel.
link-shared-title = What will be shared
link-shared-key = An expiring key for { $service } is stored in your Jira profile on this site.
link-shared-readers = You, the admins of this site, and apps with admin permissions can read it there.
link-shared-renewed = { $app } renews it until you disconnect.
link-shared-renewed-issue = { $app } renews it until you disconnect, which you can do in { $issue } or any other issue.
link-log-out-title = To connect another account, log out at { $service } first.
link-log-out = Open { $service } in another tab and log out there. Then select Continue here. Otherwise, { $service } uses the account you're logged in with.
link-next-choose = Next, { $service } asks which account to use. Then you come back to Jira, and then here to confirm.
link-next = Next, log in at { $service }. Then you come back to Jira, and then here to confirm.

## Page with both accounts

both-title = Connect these two accounts?
both-check = Check that both are yours. Nothing is connected until you select Connect accounts.
both-connect = Connect accounts
both-elsewhere-title = The Jira account was confirmed from another network or browser.
both-elsewhere = If you didn't open Jira somewhere else just now, somebody else may be trying to connect your { $service } account to theirs. Select Cancel.
both-replaces = { $old } is connected now and will be replaced by { $new }. The key of { $old } stops working.
both-shared-one = { $first } on this site is connected to the same account too. Both connections will work.
both-shared-two = { $first } and { $second } on this site are connected to the same account too. All connections will work.
both-shared-three = { $first }, { $second }, and { $third } on this site are connected to the same account too. All connections will work.
both-stored = { $app } will store an expiring key for { $service } in this Jira profile. The admins of the site can read it there.
both-not-yours = Not your Jira account, or not your site? Then somebody else started this. Select Cancel.
both-log-out = To use another account, log out at { $service } in another tab first. Otherwise, { $service } uses the account you're logged in with.
both-no-script = To connect, allow JavaScript on this page. It makes sure that you see this page before you select Connect accounts.

## While the service is asked

waiting-title = Asking { $service } who you are…
waiting-text = For { $site }. This page reloads automatically. Nothing is connected until you confirm.

## What became of an attempt

key-expired-title = Your { $service } key has expired
over-jira-waits = Jira hasn't stored the key yet. Retrying automatically. The issue shows when it's there.
over-renews = { $app } renews your key until you disconnect, which you can do in any issue.
over-renews-issue = { $app } renews your key until you disconnect, which you can do in { $issue } or any other issue.
reconnect-title = Reconnect { $service }
over-reconnect = Open an issue in Jira and select Reconnect.
over-disconnected-title = You've disconnected { $service }
over-disconnected = Your account was connected here and has been disconnected since. To connect it again, open an issue in Jira and select Connect.
over-cancelled-title = Cancelled
over-replaced-title = You started again in another tab
over-replaced = This page is the older one and can't be used anymore.
over-refused-title = This attempt was stopped
over-refused = It didn't come back to Jira the way it was started, so it was stopped for your safety.
over-failed-title = This attempt is over
over-failed = { $service } didn't complete it, or it took too long.
over-failed-again = To try again, open an issue in Jira and select Connect.
over-ended = That ended this attempt.
over-disconnected-meanwhile-title = You disconnected in the meantime
over-uninstalled-title = The app was removed or installed again in the meantime
over-newer = Continue with the newer one

## Errors: what happened, what still holds, what to do

button-start-again = Start again
error-look-again = Show the current page
error-unauthorized-title = Jira didn't confirm who you are
error-unauthorized = Reload the issue in Jira and try again. If this happens again, check the date and time of your computer. If they're right, ask a Jira admin to reinstall the app.
error-old-panel = If this site has the new { $app } app, use its panel in the issue instead of this one: everybody who was connected is still connected there. Otherwise, reload the issue, and check the date and time of your computer. If this happens again, ask a Jira admin to check the app.
error-wrong-caller-title = This address doesn't take this call
error-wrong-caller = It takes calls of another kind: from a person's page, or from Forge itself.
error-setting-up-title = The app is being set up for this site
error-setting-up = This takes a few minutes after an installation, and an hour at most. Try again then.
error-not-served-title = The app doesn't serve this site
error-not-served = This installation of the app was replaced, or the vendor of the app doesn't serve this Jira site. Ask a Jira admin to check the app, or contact support.
error-not-admin-title = Only Jira admins can use this page
error-not-admin = According to Jira, you don't have the global permission Administer Jira on this site. If you have it, ask another admin to check that the app is allowed to read permissions.
error-wrong-person-title = Somebody else started this connection
error-wrong-person = Somebody else started to connect. Nothing was connected. To connect your own account, open an issue and select Connect.
error-wrong-person-name = You're signed in to Jira as { $name }, and somebody else started to connect. Nothing was connected. To connect your own account, open an issue and select Connect.
error-wrong-browser-title = This page doesn't belong to this browser
error-wrong-browser = It was opened in another browser or more than an hour ago, or your browser blocks cookies for this site. Nothing was connected. Allow cookies here if you block them, then open the issue in Jira and select Connect again.
error-denied-title = You didn't allow access
error-denied = You didn't allow access in { $service }, so nothing was connected. If that was a mistake, open the issue in Jira and select Connect again.
error-cross-site-title = This request came from another site
error-cross-site = Nothing was changed. Open the issue in Jira and select Connect there.
error-attempt-over-title = This attempt to connect is over
error-attempt-over = It was completed, cancelled, or started again elsewhere, or it took too long. If the issue in Jira doesn't show you as connected, select Connect there again.
error-timed-out-title = This took too long
error-timed-out = For your safety, an attempt to connect ends after ten minutes, and after five once you're back from the service. This attempt connected nothing. If the issue in Jira doesn't show you as connected, select Connect there and finish without a long break.
error-code-expired-title = That took too long
error-code-expired = { $service } keeps a login waiting for a short time only, and that time is over. Nothing was connected. Start again, and continue as soon as you're back in Jira.
error-out-of-date-title = This page is out of date
error-out-of-date = Something has changed since this page was shown, so your click connected nothing. Look at the current page.
error-ahead-title = This page doesn't load in advance
error-ahead = Open it yourself.
error-not-linked-title = No account is connected
error-not-linked = There is no key. Select Connect first.
error-bad-request-title = The request couldn't be understood
error-rule-customers = The vendor of the app doesn't let portal customers connect.
error-rule-long-group = A group has at most 255 characters, on one line.
error-rule-many-groups = You can choose up to 50 groups.
error-not-found-title = This page doesn't exist
error-not-found = Go back to Jira and open the issue you came from.
error-method-title = This address can't be used like that
error-too-large-title = The request is too large
error-too-large = It can have 64 KiB at most.
error-too-slow-title = The request took too long
error-too-slow = It didn't arrive in time. Try again.
error-too-many-title = Too many requests
error-too-many = Wait a moment and try again.
error-crowded-title = Too many requests are waiting
error-crowded = Nothing was changed. Wait a moment and try again.
error-service-refused-title = { $service } couldn't complete the request
error-service-refused = { $service } didn't accept the request. Nothing was connected. To try again, select Connect in the issue.
error-scope-refused-title = { $service } doesn't allow what the app asks for
error-scope-refused = { $service } refused one of the permissions that the app asks for, so nothing was connected. Your organization at { $service } may not allow it, or the app asks for too much. Trying again doesn't help: contact support with the code below.
error-app-refused-title = { $service } doesn't accept this app
error-app-refused = { $service } refuses the app itself, for everybody. Nothing was connected. Trying again doesn't help until this is fixed: contact support with the code below.
error-key-too-large-title = The key is too large for Jira
error-key-too-large = The key from { $service } needs { $size } bytes in Jira, and Jira takes { $most }. Nothing was connected, and the key is revoked. Trying again doesn't help: contact support with the code below.
error-service-unreachable-title = { $service } can't be reached
error-service-unreachable = { $service } doesn't answer at the moment. Try again in a minute.
error-jira-unreachable-title = Jira can't be reached
error-jira-unreachable = Jira doesn't answer at the moment. Try again in a minute.
error-ip-allowlist-title = This Jira site blocks the app
error-ip-allowlist = An IP allowlist protects this site, and it doesn't include the address of the app's server. Nothing was changed. Ask an admin of your Atlassian organization to add the address. The vendor of the app knows it.
error-jira-busy-title = Jira asks the app to wait
error-jira-busy = { $minutes ->
    [one] Jira limits how often apps can call it. Nothing was lost, and what is connected stays connected. Try again in a minute.
   *[other] Jira limits how often apps can call it. Nothing was lost, and what is connected stays connected. Try again in { $minutes } minutes.
}
error-unavailable-title = Not available at the moment
error-unavailable = Nothing was lost. Try again in a minute.
error-not-ready-title = Not ready
error-internal-title = Something went wrong
error-internal = We've recorded what happened. Try again. If it happens again, contact support.
error-unknown-caller-title = Unauthorized
error-unknown-caller = Send the value of LATCHKEY_SERVICE_SECRET as the password of HTTP Basic or as a bearer token.

## Who can't connect

refused-anonymous-title = Sign in to Jira first
refused-anonymous = Jira shows this issue to visitors. Sign in to Jira, reload the issue, and connect your account then.
refused-anonymous-admin = Nobody was signed in to Jira.
refused-customer-title = Portal customers can't connect
refused-customer = You use this site as a customer of its help center. Only people with a Jira account can connect { $service }. Ask a Jira admin for an account.
refused-customer-admin = Portal customers can't connect on this site.
refused-app-title = Apps can't connect
refused-app = This is the account of an app. Sign in to Jira as a person.
refused-app-admin = It's the account of an app.
refused-unknown-title = You can't connect this account
refused-unknown = Jira doesn't say what kind of account this is. Ask a Jira admin.
refused-unknown-admin = Jira doesn't say what kind of account it is.
refused-deactivated-title = This account is deactivated
refused-deactivated = Jira says that this account isn't active. Ask a Jira admin.
refused-deactivated-admin = The account is deactivated.
refused-group-title = Your admin doesn't let you connect yet
refused-group = On this Jira site, only members of certain groups can connect { $service }. Ask a Jira admin to add you to one of them.
refused-group-admin = The person is in none of the groups whose members may connect.

## Why there is no valid key, to the person

trouble-service-away = { $service } doesn't answer, so the key couldn't be renewed. Retrying automatically.
trouble-service-waits = { $service } asked the app to wait before it renews the key. Retrying automatically.
trouble-refused = { $service } refuses to renew the key and doesn't say why. Retrying automatically. If it keeps refusing, you'll be asked to reconnect.
trouble-app-refused = { $service } refuses the app, so keys can't be renewed until that's fixed. Retrying automatically.
trouble-no-key = { $service } didn't provide a new key. Retrying automatically.
trouble-jira-away = Jira hasn't stored the new key yet. Retrying automatically.
trouble-unknown = The key hasn't been renewed yet. Retrying automatically.
reconnect-revoked = { $service } no longer accepts this connection. It was ended there, or it has expired.
reconnect-rotation-lost = An answer from { $service } was lost while the key was being renewed, and { $service } doesn't repeat it.
reconnect-no-refresh-token = The key has expired, and { $service } doesn't allow it to be renewed.
reconnect-consent-ended = From time to time, { $service } asks whether you still agree, and your last agreement has expired. Nothing is wrong.
reconnect-restored = This connection was restored from a backup that is older than its last key. You did nothing wrong, and nothing was ended at { $service }.
reconnect-keeps-refusing = The key has expired, and { $service } has refused to renew it each time since, without saying why.
aside-sealed = The stored data of this connection can't be read anymore.
aside-no-outcome = The key from { $service } couldn't be renewed yet. Retrying automatically.
aside-jira-refuses = Jira doesn't let the app store the key. A Jira admin can check the permissions of the app.
aside-site-not-allowed = The vendor of the app for { $service } doesn't serve this site.
aside-too-large = The newest key from { $service } is too large for Jira. Reconnecting doesn't help: contact support.
aside-too-large-size = The newest key from { $service } is too large for Jira: it needs { $size } bytes, and Jira takes { $most }. Reconnecting doesn't help: contact support.
park-unauthorized = Jira doesn't accept the app at the moment. Retrying automatically. If this continues, a Jira admin can reinstall the app.
park-quota = Jira takes no more changes from the app this hour. The key follows as soon as it does.
park-asked = Jira asked the app to wait. The key follows as soon as possible.
park-ip-allowlist = The IP allowlist of this Jira site blocks the app. Ask an admin of your Atlassian organization to add the app's address. The key follows then.
park-not-jira = This Jira site doesn't answer the app at the moment. The key follows as soon as it does.
park-no-system-token = Jira hasn't let the app in for a while. The key follows as soon as it does, usually within the hour.
disconnect-key-ends = The key is deleted from your Jira profile and stops working.
disconnect-key-stays = The key is deleted from your Jira profile and isn't renewed. A copy of it may work until it expires.
disconnect-shared-others = Another person's connection uses the same { $service } account, and ending the login would end both. So { $service } keeps the login until that connection ends too.
disconnect-shared-oneself = Your connection on another Jira site uses the same { $service } account, and ending the login would end both. So { $service } keeps the login until that connection ends too.

## The same to the admins of a site

reconnect-revoked-admin = { $service } ended the connection. The person can reconnect. If this happens to many people, ask your admin at { $service } whether the app was blocked there.
reconnect-rotation-lost-admin = A network failure ended the connection. The person can reconnect.
reconnect-no-refresh-token-admin = { $service } doesn't let this person's keys be renewed. The person can reconnect, and each connection lasts as long as one key.
reconnect-consent-ended-admin = { $service } asks people from time to time whether they still agree. The person was told in advance and can reconnect.
reconnect-restored-admin = The app's data was restored from a backup that is older than this connection's last key. The person can reconnect.
reconnect-keeps-refusing-admin = { $service } has refused to renew this person's key since it expired. The person can reconnect. If this happens to many people, contact the vendor of the app.
aside-sealed-admin = The stored data of this connection can't be read anymore. The person can reconnect.
aside-no-outcome-admin = Renewing the key from { $service } was interrupted three times in a row. Retrying automatically. You don't need to do anything.
aside-jira-refuses-admin = Jira doesn't let the app write this person's user property. Give the app's user the global permission Administer Jira, or allow the app to act as users. After that, renewals continue automatically within 15 minutes.
aside-site-not-allowed-admin = The app for { $service } doesn't serve this site's address. Contact the vendor of the app. Renewals continue automatically once the app serves this address.
aside-too-large-admin = The keys that { $service } gives this person are larger than Jira's user properties allow. Contact the vendor of the app. You can't change this here.
park-unauthorized-admin = Jira refuses the app's tokens. If the app is still installed, reinstall it: it gets a new secret, and renewals continue.
park-global-quota-admin = The app has used its hourly quota of Jira calls for all sites. Calls continue automatically at the full hour.
park-tenant-quota-admin = The app has used its hourly quota of Jira calls for this site. Calls continue automatically.
park-burst-admin = Apps called this site too often in a short time. Calls continue automatically.
park-asked-admin = This site asked the app to wait. Calls continue automatically.
park-ip-allowlist-admin = The IP allowlist of this site blocks the app. An admin of the Atlassian organization has to add the address of the app's server. The vendor of the app knows it. Calls continue automatically within a minute.
park-not-jira-admin = The app doesn't reach Jira at this site's address: another page or server answers there. Nobody was disconnected. Calls continue automatically within two minutes after Jira is back. If the site has a new address, update the app in Jira so that it learns the address.
park-no-system-token-admin = Atlassian hasn't called the app's server for some hours, so the app can't write to this site. Calls continue automatically with the next hourly call. If they don't, contact the vendor of the app.

## What happened at a site, to its admins

event-connected = Connected an account at { $service }.
event-disconnected = Disconnected.
event-disconnected-admin = Disconnected by an admin.
event-disconnected-jira = Disconnected: Jira says that the account is deactivated or gone.
event-disconnected-atlassian = Disconnected: Atlassian has closed the account.
event-disconnected-service = Disconnected by { $service }.
event-finished-by-another = What this person started came back from { $service } with somebody else or in another browser. Nothing was connected.
event-refused = Couldn't connect. { $why }
event-moved-from-connect = The site moved from Atlassian Connect to Forge with every connection.
event-moved = A new installation of the app took over every connection.
event-acting = A server of { $service } got access to Jira as this person ({ $scope }).
event-decided = Changed who may connect. { $what }
rule-customers-allowed = Portal customers are allowed to connect.
rule-customers-denied = Portal customers aren't allowed to connect.
rule-every-group = People in any group may connect.
rule-groups = Only members of these groups may connect: { $groups }.
rule-acting-denied = Servers of { $service } may not act in Jira as people.

## Why the app has its permissions

scope-read = To read a person's name and whether the account is active, which groups they're in if you choose groups, and whether somebody who opens this page is a Jira admin.
scope-write = To store the key in one user property of each connected person.
scope-delete = To delete that user property when a connection ends.
scope-act-as-user = To write that property as the person where Jira doesn't let the app itself, for example because its admin permission was removed.
scope-read-jira-user = To read a person's name, whether the account is active, and their key, and which groups they're in if you choose groups.
scope-read-jira-work = To ask Jira whether somebody who opens this page is a Jira admin. The app itself reads no issues.
scope-write-jira-work = To store the key in one user property of each connected person, and to delete it. Atlassian has no narrower scope for that. The app itself writes no issues.
scope-read-app-system-token = To call Jira as the app while nobody looks at an issue.
scope-report-personal-data = To ask Atlassian which of the stored accounts were closed, and to erase those.

## Finish page, in Jira

finish-proving-title = Checking who you are…
finish-proving = { $app } asks Jira who is signed in here.
finish-proved-title = You're back in Jira
finish-signed-in = You're signed in to Jira as
finish-next = Next, you see this account beside the one you logged in to at { $service }. Nothing is connected until you select Connect accounts there.
finish-start-again = Go back to Jira and select Connect again.
finish-look = Look at the issue: if it says Connected, you're done. If not, select Connect again.
finish-over-title = This attempt is over
finish-over = It was completed or cancelled, or it took too long.
finish-unauthorized-title = Jira couldn't confirm who you are
finish-unauthorized = Reload this page. If you see this again, ask a Jira admin of this site to reinstall the app.
finish-nothing-title = Nothing to finish here
finish-nothing = Jira opens this page after you log in at { $service }.
jira-silent-title = Jira doesn't answer
one-moment-title = One moment, please
finish-too-many = There were too many requests at once.
finish-unavailable-title = Not available at the moment
finish-unreachable-title = No connection
finish-no-bridge-title = Jira doesn't answer this page
finish-no-bridge = This page works only inside Jira.
finish-failed-title = Something went wrong
finish-late-title = This took too long
finish-late = For your safety, an attempt ends after ten minutes, and after five once you're back from { $service }.
not-allowed-title = You can't connect this account
finish-wrong-person-title = Somebody else started this connection
finish-wrong-person = You're signed in to Jira as { $name }, but somebody else started this. Nothing was connected.
finish-wrong-person-unnamed = You're signed in to Jira as another person than the one who started this. Nothing was connected.
finish-wrong-person-advice = If somebody sent you here, close this tab. To connect your own account, select Connect in a Jira issue. If you have two Jira accounts, sign in with the one you started with, then select Connect again.

## What the scripts of all framed pages say

frame-slow = That took a moment. Select the button again.
frame-clock-title = A clock is wrong
frame-clock-apart = { $minutes ->
    [one] The clocks of your computer and of the app's server are a minute apart. Check the date, time, and time zone of your computer, then reload the page. If they're right, contact support.
   *[other] The clocks of your computer and of the app's server are { $minutes } minutes apart. Check the date, time, and time zone of your computer, then reload the page. If they're right, contact support.
}
frame-clock-other = Jira's confirmation of who you are is out of date by the clock of the app's server, and your computer agrees with that clock. Reload the page. If that doesn't help, contact support.
frame-not-left = Nothing was opened. To continue, select the button again and let Jira open { $host }.

## Page for Jira admins

admin-loading = Asking Jira who you are…
admin-refused-title = This page can't be shown at the moment
admin-refused = The app's server or Jira doesn't answer. Try again in a moment.
admin-about = People connect their Jira account to their { $service } account in an issue. { $app } keeps an expiring key in their Jira profile and renews it until the connection ends.
admin-start-title = Get started
admin-start-connect = Open any issue, find { $app } beside it, and select Connect. Log in at { $service }, come back, and confirm.
admin-start-decide = Choose below who may connect. Until you do, everybody with a Jira account here may.
admin-start-allowlist = If this site has an IP allowlist, add the addresses under Health.
admin-health-title = Health
admin-health-well = Working
admin-health-ill = Needs attention
admin-health-well-text = Nothing keeps keys from being renewed.
admin-health-waits = Some calls are waiting:
admin-health-disabled = The app is disabled on this site. Enable it under Manage apps. Until then, keys aren't renewed.
admin-health-next-try = Next try: { $time }.
admin-site = Site
admin-door = Installed as
admin-door-forge = Forge app
admin-door-connect = Atlassian Connect app
admin-writes-as = Keys are stored by
admin-writes-as-person = Each person: Jira doesn't let the app's own user write the property. To change this, give that user the permission Administer Jira.
admin-writes-as-app = The app's own user
admin-connections = Connections
admin-people = { $count ->
    [one] { $count } person
   *[other] { $count } people
}
admin-reconnect-count = { $count ->
    [one] { $count } has to reconnect
   *[other] { $count } have to reconnect
}
admin-expired-count = { $count ->
    [one] { $count } key has expired
   *[other] { $count } keys have expired
}
admin-allowlist = IP allowlist
admin-allowlist-ask = If this site has one, ask the vendor of the app which addresses to add.
admin-links-title = Who is connected
admin-search = Search
admin-search-hint = Name or account ID
admin-show = Show
admin-show-all = Everybody
admin-show-connected = Connected
admin-show-trouble = Connected, with a problem
admin-show-reconnect = Has to reconnect
admin-links-table = Table of connected people
admin-person = Person
admin-account = { $service } account
admin-state = State
admin-since = Since
key-valid-until = Key valid until
admin-state-connected = Connected
admin-state-connecting = Connecting
admin-state-expired = Key has expired
admin-state-reconnect = Has to reconnect
admin-links-none = Nobody has connected yet.
admin-links-not-found = No matches.
admin-links-found = { $count ->
    [one] { $count } person found
   *[other] { $count } people found
}
admin-links-found-more = { $count ->
    [one] { $count } person found, and more
   *[other] { $count } people found, and more
}
admin-links-of = { $count ->
    [one] { $shown } of { $count } person
   *[other] { $shown } of { $count } people
}
admin-first-page = First page
admin-next-page = Next page
admin-find-left = Find people who have left
admin-end-all = Disconnect everybody
admin-close = Close
admin-ask-one = Disconnect { $name }?
admin-ended-one = { $name } was disconnected.
admin-ask-all = { $count ->
    [one] Disconnect everybody? { $count } connection ends for good. The key is deleted from Jira and stops working, and the person has to connect again.
   *[other] Disconnect everybody? { $count } connections end for good. The keys are deleted from Jira and stop working, and each person has to connect again.
}
admin-ending-all = { $count ->
    [one] { $count } connection has ended, { $left } left…
   *[other] { $count } connections have ended, { $left } left…
}
admin-ended-all = { $count ->
    [one] Everybody was disconnected: { $count } connection.
   *[other] Everybody was disconnected: { $count } connections.
}
admin-checked = { $count ->
    [one] { $count } person checked…
   *[other] { $count } people checked…
}
admin-nobody-left = { $count ->
    [one] Nobody has left: Jira knows this { $count } person, and the account is active.
   *[other] Nobody has left: Jira knows all { $count } people, and their accounts are active.
}
admin-left = { $count ->
    [one] { $count } person has left: the Jira account is deactivated or gone.
   *[other] { $count } people have left: their Jira accounts are deactivated or gone.
}
admin-left-more = and { $count } more
admin-end-left = { $count ->
    [one] Disconnect this person
   *[other] Disconnect these people
}
admin-ended-left = { $count ->
    [one] { $count } person who has left was disconnected.
   *[other] { $count } people who have left were disconnected.
}
admin-rule-title = Who may connect
admin-customers = Portal customers of Jira Service Management may connect
admin-customers-note = They use this site through its help center and have no Jira account of their own.
admin-act-as = Servers of { $service } may act in Jira as connected people
admin-act-as-note = They can do no more than the person can. Each access is listed under What happened.
admin-groups = Only members of these groups
admin-groups-note = Enter one group per line, by name or ID. Leave it empty to let everybody connect. The app checks this each time somebody connects. People who are already connected stay connected.
admin-save = Save
admin-saved = Saved.
admin-events-title = What happened
admin-events-days = { $days ->
    [one] Kept for { $days } day.
   *[other] Kept for { $days } days.
}
admin-events-table = Table of what happened
admin-when = When
admin-what = What
admin-by = By
admin-by-person = The person
admin-by-admin = An admin
admin-by-service = { $service }
admin-by-jira = Jira
admin-by-atlassian = Atlassian
admin-by-app = { $app }
admin-events-none = Nothing has happened yet.
admin-export-csv = Export CSV
admin-export-lines = Export JSON lines
admin-file-saved = { $file } was saved.
admin-scopes-title = What { $app } may do in Jira, and why
admin-scopes-table = Table of permissions
admin-permission = Permission
admin-why = Why
admin-no-issue = It reads no issues, comments, or attachments.
