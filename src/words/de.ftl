## Schaltflächen und Beschriftungen mehrerer Seiten

button-continue = Weiter
button-cancel = Abbrechen
button-try-again = Erneut versuchen
button-another-account = Anderes Konto verwenden
button-disconnect = Trennen
back-to-jira = Zurück zu Jira
back-to-issue = Zurück zu { $issue }
account-id = Konto-ID
code-label = Code:
reference-label = Referenz:
your-jira-account = Ihr Jira-Konto
connected-as = Verbunden als { $name }
still-connected = Sie sind weiterhin als { $name } mit { $service } verbunden.
nothing-connected = Es wurde nichts verbunden.
nothing-connected-yet = Es wurde noch nichts verbunden. Versuchen Sie es gleich noch einmal.
try-again-soon = Das hat nicht funktioniert. Versuchen Sie es gleich noch einmal.

## Bereich im Vorgang

button-connect = Verbinden
button-reconnect = Neu verbinden
panel-checking = Ihre Verbindung wird geprüft …
panel-unreachable = { $app } ist nicht erreichbar
panel-offline = Sie sind offline
panel-retrying = Der Versuch wird automatisch wiederholt.
panel-retry-at = Neuer Versuch um { $time }.
panel-retry-online = Die Anzeige wird aktualisiert, sobald Sie wieder online sind.
panel-retry-reload = Der Versuch wird automatisch wiederholt. Wenn das nicht hilft, laden Sie den Vorgang neu.
panel-unfinished = Sie haben das Verbinden nicht abgeschlossen, daher wurde nichts verbunden.
panel-unfinished-stays = Sie haben das Verbinden nicht abgeschlossen. { $name } bleibt verbunden.
panel-unfinished-unchanged = Sie haben das Verbinden nicht abgeschlossen, daher hat sich nichts geändert.
panel-cancelled = Abgebrochen. Es wurde nichts verbunden.
panel-cancelled-stays = Abgebrochen. { $name } bleibt verbunden.
panel-cancelled-unchanged = Abgebrochen. Es hat sich nichts geändert.
panel-left-shared = Getrennt. Der Schlüssel wird nicht mehr erneuert. Die Anmeldung bei { $service } bleibt bestehen, bis die andere Verbindung mit demselben Konto endet.
panel-left-retried = Getrennt. Der Schlüssel wird nicht mehr erneuert. { $service } oder Jira hat noch nicht bestätigt, dass der letzte Schlüssel gelöscht ist. Der Versuch wird automatisch wiederholt.
panel-connect-title = Verbinden Sie Ihr { $service }-Konto
panel-connect = Verwenden Sie { $service } in Jira mit Ihrem eigenen Konto. { $app } speichert einen befristeten Schlüssel in Ihrem Jira-Profil und erneuert ihn, bis Sie die Verbindung trennen.
panel-connecting = Verbindung wird hergestellt …
panel-finish-in-tab = Machen Sie in dem Tab weiter, der sich geöffnet hat: Melden Sie sich bei { $service } an, kommen Sie zu Jira zurück und bestätigen Sie dann.
panel-tab-lost = Haben Sie den Tab geschlossen oder verloren? Beginnen Sie neu oder brechen Sie ab.
panel-arriving = { $name } wird verbunden …
panel-arriving-text = Jira hat Ihren Schlüssel noch nicht. Der Versuch wird automatisch wiederholt.
panel-purpose = Sie können { $service } in Jira mit Ihrem eigenen Konto verwenden.
panel-consent = Ihre Verbindung mit { $service } endet am { $date }. Verbinden Sie Ihr Konto neu, damit sie bestehen bleibt.
panel-account = Konto
panel-expired-at = Abgelaufen
panel-since = Der Schlüssel ist abgelaufen: { $time }.
panel-was = Zuletzt verbunden als { $name }.
panel-switching = Ein anderes Konto wird verbunden …
panel-reconnecting = Wird neu verbunden …
panel-stays = { $name } bleibt verbunden, bis Sie fertig sind.
panel-switching-text = Machen Sie in dem Tab weiter, der sich geöffnet hat. Haben Sie ihn geschlossen oder verloren? Beginnen Sie neu oder brechen Sie ab.
panel-not-installed-title = { $app } ist nicht richtig installiert
panel-not-installed = Laden Sie den Vorgang neu. Wenn Sie das wieder sehen, bitten Sie einen Jira-Admin dieser Site, { $app } neu zu installieren.
panel-renewing = Der Schlüssel wird erneuert …
panel-renewed = Der Schlüssel wurde erneuert.
panel-manage = Verwalten
panel-renew-now = Jetzt erneuern
panel-disconnect-ask = Verbindung mit { $service } trennen?
panel-details = Details
panel-service = Dienst
panel-renewed-at = Erneuert
panel-key-number = Schlüsselnummer
panel-blocked-title = Es wurde kein neuer Tab geöffnet.
panel-blocked = Vielleicht hat Ihr Browser ihn blockiert. Suchen Sie nach einem Symbol in der Adressleiste, erlauben Sie Pop-ups für diese Jira-Site und klicken Sie noch einmal auf die Schaltfläche.
panel-ask-admin = Wenden Sie sich an einen Jira-Admin dieser Site.
panel-reconnect-default = Der Schlüssel konnte nicht erneuert werden. Verbinden Sie Ihr Konto neu, um das zu beheben.
panel-flag-reconnect = Damit Ihre Verbindung mit { $service } wieder funktioniert, wählen Sie in diesem Vorgang „Neu verbinden“.
panel-flag-expired = Der Bereich in diesem Vorgang nennt den Grund.
panel-flag-works = Ihre Verbindung mit { $service } funktioniert wieder

## Was von dem Dienst zu sehen ist

step-one = Schritt 1 von 3
step-two = Schritt 2 von 3
step-three = Schritt 3 von 3
link-allow-title = Was Sie bei { $service } erlauben
allow-identity = Erkennen, welches Konto Ihnen gehört
allow-profile = Ihren Namen und Ihr Profilbild lesen
allow-email = Ihre E-Mail-Adresse lesen
allow-offline = Den Schlüssel erneuern, während Sie nicht da sind
allow-read = Lesen, was Sie dort sehen können
allow-other = Berechtigung { $scope }
service-help = Hilfe
service-privacy = Datenschutz
contact-support = Support kontaktieren

## Verbindungsseite

link-title = { $service } mit Jira verbinden
link-page-title = { $service } verbinden
link-connected-as = Sie sind als { $name } mit { $service } verbunden. Das bleibt so, bis Sie ein anderes Konto verbinden.
link-awaits-jira-title = Sie haben sich bei { $service } angemeldet, aber Jira hat noch nicht bestätigt, wer Sie sind.
link-awaits-jira = Wenn die Jira-Seite noch in einem anderen Tab geöffnet ist, machen Sie dort weiter. Wählen Sie andernfalls „Weiter“, um sich erneut anzumelden.
link-for = Sie verbinden dieses Jira-Konto
link-not-you = Nicht Ihr Konto oder nicht Ihre Site? Dann hat jemand anderes diese Verbindung gestartet. Wählen Sie „Abbrechen“.
link-shared-title = Was geteilt wird
link-shared-key = Ein befristeter Schlüssel für { $service } wird in Ihrem Jira-Profil auf dieser Site gespeichert.
link-shared-readers = Sie, die Admins dieser Site und Apps mit Admin-Berechtigungen können ihn dort lesen.
link-shared-renewed = { $app } erneuert ihn, bis Sie die Verbindung trennen.
link-shared-renewed-issue = { $app } erneuert ihn, bis Sie die Verbindung trennen. Das können Sie in { $issue } oder in jedem anderen Vorgang tun.
link-log-out-title = Um ein anderes Konto zu verbinden, melden Sie sich zuerst bei { $service } ab.
link-log-out = Öffnen Sie { $service } in einem anderen Tab und melden Sie sich dort ab. Wählen Sie dann hier „Weiter“. Andernfalls verwendet { $service } das Konto, mit dem Sie angemeldet sind.
link-next-choose = Als Nächstes fragt { $service }, welches Konto Sie verwenden möchten. Danach kommen Sie zu Jira zurück und bestätigen anschließend hier.
link-next = Melden Sie sich als Nächstes bei { $service } an. Danach kommen Sie zu Jira zurück und bestätigen anschließend hier.

## Seite mit beiden Konten

both-title = Diese beiden Konten verbinden?
both-check = Prüfen Sie, ob beide Konten Ihnen gehören. Erst wenn Sie „Konten verbinden“ wählen, wird etwas verbunden.
both-connect = Konten verbinden
both-elsewhere-title = Jira hat dies aus einem anderen Netzwerk oder Browser bestätigt.
both-elsewhere = Wenn Sie Jira nicht gerade an anderer Stelle geöffnet haben, versucht möglicherweise jemand, Ihr { $service }-Konto mit einem fremden Konto zu verbinden. Wählen Sie „Abbrechen“.
both-replaces = { $old } ist derzeit verbunden und wird durch { $new } ersetzt. Der Schlüssel von { $old } funktioniert dann nicht mehr.
both-shared-one = { $first } ist auf dieser Site ebenfalls mit diesem Konto verbunden. Beide Verbindungen funktionieren.
both-shared-two = { $first } und { $second } sind auf dieser Site ebenfalls mit diesem Konto verbunden. Alle Verbindungen funktionieren.
both-shared-three = { $first }, { $second } und { $third } sind auf dieser Site ebenfalls mit diesem Konto verbunden. Alle Verbindungen funktionieren.
both-stored = { $app } speichert einen befristeten Schlüssel für { $service } in diesem Jira-Profil. Die Admins der Site können ihn dort lesen.
both-not-yours = Nicht Ihr Jira-Konto oder nicht Ihre Site? Dann hat jemand anderes diese Verbindung gestartet. Wählen Sie „Abbrechen“.
both-log-out = Um ein anderes Konto zu verwenden, melden Sie sich zuerst in einem anderen Tab bei { $service } ab. Andernfalls verwendet { $service } das Konto, mit dem Sie angemeldet sind.
both-no-script = Lassen Sie JavaScript auf dieser Seite zu, um die Konten zu verbinden. Es stellt sicher, dass Sie diese Seite sehen, bevor Sie „Konten verbinden“ wählen.

## Während der Dienst gefragt wird

waiting-title = { $service } wird gefragt, wer Sie sind …
waiting-text = Für { $site }. Diese Seite wird automatisch neu geladen. Es wird nichts verbunden, bis Sie bestätigen.

## Was aus einem Versuch geworden ist

key-expired-title = Ihr { $service }-Schlüssel ist abgelaufen
over-jira-waits = Jira hat den Schlüssel noch nicht gespeichert. Der Versuch wird automatisch wiederholt. Sobald der Schlüssel da ist, sehen Sie das im Vorgang.
over-renews = { $app } erneuert Ihren Schlüssel, bis Sie die Verbindung trennen. Das können Sie in jedem Vorgang tun.
over-renews-issue = { $app } erneuert Ihren Schlüssel, bis Sie die Verbindung trennen. Das können Sie in { $issue } oder in jedem anderen Vorgang tun.
reconnect-title = { $service } neu verbinden
over-reconnect = Öffnen Sie einen Vorgang in Jira und wählen Sie „Neu verbinden“.
over-disconnected-title = Sie haben die Verbindung mit { $service } getrennt
over-disconnected = Ihr Konto wurde hier verbunden und inzwischen wieder getrennt. Um es erneut zu verbinden, öffnen Sie einen Vorgang in Jira und wählen Sie „Verbinden“.
over-cancelled-title = Abgebrochen
over-replaced-title = Sie haben in einem anderen Tab neu begonnen
over-replaced = Diese Seite ist die ältere und kann nicht mehr verwendet werden.
over-refused-title = Dieser Versuch wurde gestoppt
over-refused = Er kam nicht so zu Jira zurück, wie er gestartet wurde, und wurde zu Ihrer Sicherheit gestoppt.
over-failed-title = Dieser Versuch ist beendet
over-failed = { $service } hat ihn nicht abgeschlossen oder er hat zu lange gedauert.
over-failed-again = Um es erneut zu versuchen, öffnen Sie einen Vorgang in Jira und wählen Sie „Verbinden“.
over-ended = Dadurch wurde dieser Versuch beendet.
over-disconnected-meanwhile-title = Sie haben die Verbindung inzwischen getrennt
over-uninstalled-title = Die App wurde inzwischen entfernt oder neu installiert
over-newer = Zum neueren Versuch

## Fehler

button-start-again = Neu beginnen
error-look-again = Aktuelle Seite anzeigen
error-unauthorized-title = Jira hat nicht bestätigt, wer Sie sind
error-unauthorized = Laden Sie den Vorgang in Jira neu und versuchen Sie es noch einmal. Wenn das wieder passiert, prüfen Sie Datum und Uhrzeit Ihres Computers. Wenn beide stimmen, bitten Sie einen Jira-Admin, die App neu zu installieren.
error-old-panel = Wenn diese Site die neue App { $app } hat, verwenden Sie deren Bereich im Vorgang statt dieses Bereichs: Alle bisherigen Verbindungen bestehen dort weiter. Laden Sie andernfalls den Vorgang neu und prüfen Sie Datum und Uhrzeit Ihres Computers. Wenn das wieder passiert, bitten Sie einen Jira-Admin, die App zu prüfen.
error-wrong-caller-title = Diese Adresse nimmt diesen Aufruf nicht an
error-wrong-caller = Sie nimmt Aufrufe anderer Art an: von der Seite einer Person oder von Forge selbst.
error-setting-up-title = Die App wird für diese Site eingerichtet
error-setting-up = Das dauert nach einer Installation einige Minuten, höchstens eine Stunde. Versuchen Sie es dann erneut.
error-not-served-title = Die App bedient diese Site nicht
error-not-served = Diese Installation der App wurde ersetzt oder der Anbieter der App bedient diese Jira-Site nicht. Bitten Sie einen Jira-Admin, die App zu prüfen, oder wenden Sie sich an den Support.
error-not-admin-title = Nur Jira-Admins können diese Seite verwenden
error-not-admin = Laut Jira haben Sie auf dieser Site nicht die globale Berechtigung „Jira verwalten“. Wenn Sie sie haben, bitten Sie einen anderen Admin zu prüfen, ob die App Berechtigungen lesen darf.
error-wrong-person-title = Jemand anderes hat diese Verbindung gestartet
error-wrong-person = Jemand anderes hat begonnen, ein Konto zu verbinden. Es wurde nichts verbunden. Um Ihr eigenes Konto zu verbinden, öffnen Sie einen Vorgang und wählen Sie „Verbinden“.
error-wrong-person-name = Sie sind bei Jira als { $name } angemeldet, aber jemand anderes hat begonnen, ein Konto zu verbinden. Es wurde nichts verbunden. Um Ihr eigenes Konto zu verbinden, öffnen Sie einen Vorgang und wählen Sie „Verbinden“.
error-wrong-browser-title = Diese Seite gehört nicht zu diesem Browser
error-wrong-browser = Die Seite wurde in einem anderen Browser oder vor mehr als einer Stunde geöffnet, oder Ihr Browser blockiert Cookies für diese Website. Es wurde nichts verbunden. Lassen Sie Cookies hier zu, falls Sie sie blockieren, öffnen Sie dann den Vorgang in Jira und wählen Sie erneut „Verbinden“.
error-denied-title = Sie haben den Zugriff nicht erlaubt
error-denied = Sie haben den Zugriff bei { $service } nicht erlaubt, daher wurde nichts verbunden. Wenn das ein Versehen war, öffnen Sie den Vorgang in Jira und wählen Sie erneut „Verbinden“.
error-cross-site-title = Diese Anfrage kam von einer anderen Website
error-cross-site = Es wurde nichts geändert. Öffnen Sie den Vorgang in Jira und wählen Sie dort „Verbinden“.
error-attempt-over-title = Dieser Verbindungsversuch ist beendet
error-attempt-over = Er wurde abgeschlossen, abgebrochen oder an anderer Stelle neu begonnen, oder er hat zu lange gedauert. Wenn der Vorgang in Jira Sie nicht als verbunden anzeigt, wählen Sie dort erneut „Verbinden“.
error-timed-out-title = Das hat zu lange gedauert
error-timed-out = Zu Ihrer Sicherheit endet ein Verbindungsversuch nach zehn Minuten, nach der Rückkehr vom Dienst schon nach fünf. Dieser Versuch hat nichts verbunden. Wenn der Vorgang in Jira Sie nicht als verbunden anzeigt, wählen Sie dort „Verbinden“ und machen Sie ohne lange Pause weiter.
error-code-expired-title = Das hat zu lange gedauert
error-code-expired = { $service } hält eine Anmeldung nur kurz bereit, und diese Zeit ist abgelaufen. Es wurde nichts verbunden. Beginnen Sie neu und machen Sie weiter, sobald Sie wieder in Jira sind.
error-out-of-date-title = Diese Seite ist veraltet
error-out-of-date = Seit diese Seite angezeigt wurde, hat sich etwas geändert. Ihr Klick hat deshalb nichts verbunden. Sehen Sie sich die aktuelle Seite an.
error-ahead-title = Diese Seite wird nicht im Voraus geladen
error-ahead = Öffnen Sie sie selbst.
error-not-linked-title = Es ist kein Konto verbunden
error-not-linked = Es gibt keinen Schlüssel. Wählen Sie zuerst „Verbinden“.
error-bad-request-title = Die Anfrage konnte nicht verstanden werden
error-rule-customers = Der Anbieter der App erlaubt Portalkunden nicht, ein Konto zu verbinden.
error-rule-long-group = Der Name oder die ID einer Gruppe darf höchstens 255 Zeichen lang sein und muss in einer Zeile stehen.
error-rule-many-groups = Sie können bis zu 50 Gruppen auswählen.
error-not-found-title = Diese Seite gibt es nicht
error-not-found = Gehen Sie zurück zu Jira und öffnen Sie den Vorgang, von dem Sie gekommen sind.
error-method-title = Diese Adresse kann so nicht verwendet werden
error-too-large-title = Die Anfrage ist zu groß
error-too-large = Sie darf höchstens 64 KiB groß sein.
error-too-slow-title = Die Anfrage hat zu lange gedauert
error-too-slow = Sie ist nicht rechtzeitig angekommen. Versuchen Sie es noch einmal.
error-too-many-title = Zu viele Anfragen
error-too-many = Warten Sie einen Moment und versuchen Sie es noch einmal.
error-crowded-title = Zu viele Anfragen warten
error-crowded = Es wurde nichts geändert. Warten Sie einen Moment und versuchen Sie es noch einmal.
error-service-refused-title = { $service } konnte die Anfrage nicht abschließen
error-service-refused = { $service } hat die Anfrage nicht angenommen. Es wurde nichts verbunden. Um es erneut zu versuchen, wählen Sie im Vorgang „Verbinden“.
error-scope-refused-title = { $service } erlaubt nicht alles, was die App anfordert
error-scope-refused = { $service } hat eine der Berechtigungen abgelehnt, die die App anfordert. Deshalb wurde nichts verbunden. Vielleicht erlaubt Ihre Organisation bei { $service } sie nicht, oder die App verlangt zu viel. Ein neuer Versuch hilft nicht: Wenden Sie sich mit dem Code unten an den Support.
error-app-refused-title = { $service } akzeptiert diese App nicht
error-app-refused = { $service } lehnt die App selbst ab, für alle. Es wurde nichts verbunden. Ein neuer Versuch hilft nicht, bis das behoben ist: Wenden Sie sich mit dem Code unten an den Support.
error-key-too-large-title = Der Schlüssel ist zu groß für Jira
error-key-too-large = Der Schlüssel von { $service } braucht { $size } Byte in Jira, und Jira erlaubt höchstens { $most }. Es wurde nichts verbunden, und der Schlüssel ist widerrufen. Ein neuer Versuch hilft nicht: Wenden Sie sich mit dem Code unten an den Support.
error-service-unreachable-title = { $service } ist nicht erreichbar
error-service-unreachable = { $service } antwortet im Moment nicht. Versuchen Sie es in einer Minute noch einmal.
error-jira-unreachable-title = Jira ist nicht erreichbar
error-jira-unreachable = Jira antwortet im Moment nicht. Versuchen Sie es in einer Minute noch einmal.
error-ip-allowlist-title = Diese Jira-Site blockiert die App
error-ip-allowlist = Eine IP-Zulassungsliste schützt diese Site, und die Adresse des App-Servers steht nicht darauf. Es wurde nichts geändert. Bitten Sie einen Admin Ihrer Atlassian-Organisation, die Adresse hinzuzufügen. Der Anbieter der App kennt sie.
error-jira-busy-title = Jira bittet die App zu warten
error-jira-busy = { $minutes ->
    [one] Jira begrenzt, wie oft Apps es aufrufen dürfen. Es ist nichts verloren gegangen, und was verbunden ist, bleibt verbunden. Versuchen Sie es in einer Minute noch einmal.
   *[other] Jira begrenzt, wie oft Apps es aufrufen dürfen. Es ist nichts verloren gegangen, und was verbunden ist, bleibt verbunden. Versuchen Sie es in { $minutes } Minuten noch einmal.
}
error-unavailable-title = Im Moment nicht verfügbar
error-unavailable = Es ist nichts verloren gegangen. Versuchen Sie es in einer Minute noch einmal.
error-not-ready-title = Nicht bereit
error-internal-title = Etwas ist schiefgelaufen
error-internal = Wir haben aufgezeichnet, was passiert ist. Versuchen Sie es noch einmal. Wenn es wieder passiert, wenden Sie sich an den Support.
error-unknown-caller-title = Nicht autorisiert
error-unknown-caller = Senden Sie den Wert von LATCHKEY_SERVICE_SECRET als Passwort von HTTP Basic oder als Bearer-Token.

## Wer kein Konto verbinden kann

refused-anonymous-title = Melden Sie sich zuerst bei Jira an
refused-anonymous = Jira zeigt diesen Vorgang auch Besuchern. Melden Sie sich bei Jira an, laden Sie den Vorgang neu und verbinden Sie dann Ihr Konto.
refused-anonymous-admin = Niemand war bei Jira angemeldet.
refused-customer-title = Portalkunden können kein Konto verbinden
refused-customer = Sie verwenden diese Site als Kunde des Hilfecenters. Nur Personen mit einem Jira-Konto können { $service } verbinden. Bitten Sie einen Jira-Admin um ein Konto.
refused-customer-admin = Portalkunden können auf dieser Site kein Konto verbinden.
refused-app-title = Apps können kein Konto verbinden
refused-app = Dies ist das Konto einer App. Melden Sie sich als Person bei Jira an.
refused-app-admin = Es ist das Konto einer App.
refused-unknown-title = Sie können dieses Konto nicht verbinden
refused-unknown = Jira gibt nicht an, um was für ein Konto es sich handelt. Wenden Sie sich an einen Jira-Admin.
refused-unknown-admin = Jira gibt nicht an, um was für ein Konto es sich handelt.
refused-deactivated-title = Dieses Konto ist deaktiviert
refused-deactivated = Laut Jira ist dieses Konto nicht aktiv. Wenden Sie sich an einen Jira-Admin.
refused-deactivated-admin = Das Konto ist deaktiviert.
refused-group-title = Ihr Admin erlaubt Ihnen noch nicht, ein Konto zu verbinden
refused-group = Die Admins dieser Jira-Site erlauben nur Mitgliedern bestimmter Gruppen, { $service } zu verbinden. Bitten Sie einen Jira-Admin, Sie zu einer dieser Gruppen hinzuzufügen.
refused-group-admin = Die Person gehört zu keiner der Gruppen, deren Mitglieder Konten verbinden dürfen.

## Warum es keinen gültigen Schlüssel gibt, für die Person

trouble-service-away = { $service } antwortet nicht, daher konnte der Schlüssel nicht erneuert werden. Der Versuch wird automatisch wiederholt.
trouble-service-waits = { $service } hat die App gebeten, mit der Erneuerung des Schlüssels zu warten. Der Versuch wird automatisch wiederholt.
trouble-refused = { $service } lehnt es ab, den Schlüssel zu erneuern, und nennt keinen Grund. Der Versuch wird automatisch wiederholt. Wenn die Ablehnung anhält, werden Sie gebeten, Ihr Konto neu zu verbinden.
trouble-app-refused = { $service } lehnt die App ab, daher können Schlüssel erst erneuert werden, wenn das behoben ist. Der Versuch wird automatisch wiederholt.
trouble-no-key = { $service } hat keinen neuen Schlüssel geliefert. Der Versuch wird automatisch wiederholt.
trouble-jira-away = Jira hat den neuen Schlüssel noch nicht gespeichert. Der Versuch wird automatisch wiederholt.
trouble-unknown = Der Schlüssel wurde noch nicht erneuert. Der Versuch wird automatisch wiederholt.
reconnect-revoked = { $service } akzeptiert diese Verbindung nicht mehr. Sie wurde dort beendet oder ist abgelaufen.
reconnect-rotation-lost = Eine Antwort von { $service } ging beim Erneuern des Schlüssels verloren, und { $service } wiederholt sie nicht.
reconnect-no-refresh-token = Der Schlüssel ist abgelaufen, und { $service } erlaubt nicht, ihn zu erneuern.
reconnect-consent-ended = { $service } fragt von Zeit zu Zeit, ob Sie noch einverstanden sind, und die Zeit war um. Es liegt kein Fehler vor.
reconnect-restored = Diese Verbindung wurde aus einer Sicherung wiederhergestellt, die älter als ihr letzter Schlüssel ist. Sie haben nichts falsch gemacht, und bei { $service } wurde nichts beendet.
reconnect-keeps-refusing = Der Schlüssel ist abgelaufen, und { $service } hat seitdem jede Erneuerung ohne Angabe eines Grundes abgelehnt.
aside-sealed = Die gespeicherten Daten dieser Verbindung können nicht mehr gelesen werden.
aside-no-outcome = Der Schlüssel von { $service } konnte noch nicht erneuert werden. Der Versuch wird automatisch wiederholt.
aside-jira-refuses = Jira erlaubt der App nicht, den Schlüssel zu speichern. Ein Jira-Admin kann die Berechtigungen der App prüfen.
aside-site-not-allowed = Der Anbieter der App für { $service } bedient diese Site nicht.
aside-too-large = Der neueste Schlüssel von { $service } ist zu groß für Jira. Das Konto neu zu verbinden hilft nicht: Wenden Sie sich an den Support.
aside-too-large-size = Der neueste Schlüssel von { $service } ist zu groß für Jira: Er braucht { $size } Byte, und Jira erlaubt höchstens { $most }. Das Konto neu zu verbinden hilft nicht: Wenden Sie sich an den Support.
park-unauthorized = Jira akzeptiert die App im Moment nicht. Der Versuch wird automatisch wiederholt. Wenn das so bleibt, kann ein Jira-Admin die App neu installieren.
park-quota = Jira nimmt in dieser Stunde keine Änderungen der App mehr an. Der Schlüssel folgt, sobald das wieder möglich ist.
park-asked = Jira hat die App gebeten zu warten. Der Schlüssel folgt so bald wie möglich.
park-ip-allowlist = Die IP-Zulassungsliste dieser Jira-Site blockiert die App. Bitten Sie einen Admin Ihrer Atlassian-Organisation, die Adresse der App hinzuzufügen. Danach folgt der Schlüssel.
park-not-jira = Diese Jira-Site antwortet der App im Moment nicht. Der Schlüssel folgt, sobald sie wieder antwortet.
park-no-system-token = Jira hat die App seit einer Weile nicht zugelassen. Der Schlüssel folgt, sobald das wieder der Fall ist, meist innerhalb einer Stunde.
disconnect-key-ends = Der Schlüssel wird aus Ihrem Jira-Profil gelöscht und funktioniert nicht mehr.
disconnect-key-stays = Der Schlüssel wird aus Ihrem Jira-Profil gelöscht und nicht mehr erneuert. Eine Kopie davon kann funktionieren, bis er abläuft.
disconnect-shared-others = Die Verbindung einer anderen Person verwendet dasselbe { $service }-Konto, und mit der Anmeldung würden beide Verbindungen enden. Deshalb bleibt die Anmeldung bei { $service } bestehen, bis auch die andere Verbindung endet.
disconnect-shared-oneself = Ihre Verbindung auf einer anderen Jira-Site verwendet dasselbe { $service }-Konto, und mit der Anmeldung würden beide Verbindungen enden. Deshalb bleibt die Anmeldung bei { $service } bestehen, bis auch die andere Verbindung endet.

## Dasselbe für die Admins einer Site

reconnect-revoked-admin = { $service } hat die Verbindung beendet. Die Person kann ihr Konto neu verbinden. Wenn das bei vielen passiert, fragen Sie Ihren Admin bei { $service }, ob die App dort gesperrt wurde.
reconnect-rotation-lost-admin = Ein Netzwerkfehler hat die Verbindung beendet. Die Person kann ihr Konto neu verbinden.
reconnect-no-refresh-token-admin = { $service } erlaubt nicht, die Schlüssel dieser Person zu erneuern. Die Person kann ihr Konto jeweils für die Gültigkeitsdauer eines Schlüssels neu verbinden.
reconnect-consent-ended-admin = { $service } fragt Personen von Zeit zu Zeit, ob sie noch einverstanden sind. Die Person wurde vorher informiert und kann ihr Konto neu verbinden.
reconnect-restored-admin = Die Daten der App wurden aus einer Sicherung wiederhergestellt, die älter als der letzte Schlüssel dieser Verbindung ist. Die Person kann ihr Konto neu verbinden.
reconnect-keeps-refusing-admin = { $service } lehnt es ab, den Schlüssel dieser Person zu erneuern, seit er abgelaufen ist. Die Person kann ihr Konto neu verbinden. Wenn das bei vielen passiert, wenden Sie sich an den Anbieter der App.
aside-sealed-admin = Die gespeicherten Daten dieser Verbindung können nicht mehr gelesen werden. Die Person kann ihr Konto neu verbinden.
aside-no-outcome-admin = Die Erneuerung des Schlüssels von { $service } wurde dreimal in Folge unterbrochen. Der Versuch wird automatisch wiederholt. Sie müssen nichts tun.
aside-jira-refuses-admin = Jira lässt die App die Benutzereigenschaft dieser Person nicht schreiben. Geben Sie dem Benutzer der App die globale Berechtigung „Jira verwalten“ oder erlauben Sie der App, im Namen von Benutzern zu handeln. Die Erneuerungen gehen innerhalb von 15 Minuten automatisch weiter.
aside-site-not-allowed-admin = Die App für { $service } bedient die Adresse dieser Site nicht. Wenden Sie sich an den Anbieter der App. Sobald die App diese Adresse bedient, gehen die Erneuerungen automatisch weiter.
aside-too-large-admin = Die Schlüssel, die { $service } dieser Person gibt, sind größer, als Jira es für Benutzereigenschaften erlaubt. Wenden Sie sich an den Anbieter der App. Hier können Sie das nicht ändern.
park-unauthorized-admin = Jira lehnt die Token der App ab. Wenn die App noch installiert ist, installieren Sie sie neu: Sie erhält ein neues Geheimnis, und die Erneuerungen gehen weiter.
park-global-quota-admin = Die App hat ihr stündliches Kontingent an Jira-Aufrufen für alle Sites verbraucht. Die Aufrufe gehen zur vollen Stunde automatisch weiter.
park-tenant-quota-admin = Die App hat ihr stündliches Kontingent an Jira-Aufrufen für diese Site verbraucht. Die Aufrufe gehen automatisch weiter.
park-burst-admin = Apps haben diese Site in kurzer Zeit zu oft aufgerufen. Die Aufrufe gehen automatisch weiter.
park-asked-admin = Diese Site hat die App gebeten zu warten. Die Aufrufe gehen automatisch weiter.
park-ip-allowlist-admin = Die IP-Zulassungsliste dieser Site blockiert die App. Ein Admin der Atlassian-Organisation muss die Adresse des App-Servers hinzufügen. Der Anbieter der App kennt sie. Die Aufrufe gehen innerhalb einer Minute automatisch weiter.
park-not-jira-admin = Die App erreicht Jira unter der Adresse dieser Site nicht: Dort antwortet eine andere Seite oder ein anderer Server. Es wurde keine Verbindung getrennt. Die Aufrufe gehen innerhalb von zwei Minuten automatisch weiter, sobald Jira wieder da ist. Wenn die Site eine neue Adresse hat, aktualisieren Sie die App in Jira, damit sie die Adresse erfährt.
park-no-system-token-admin = Atlassian hat den Server der App seit einigen Stunden nicht aufgerufen, daher kann die App nicht auf diese Site schreiben. Die Aufrufe gehen mit dem nächsten stündlichen Aufruf automatisch weiter. Wenn nicht, wenden Sie sich an den Anbieter der App.

## Was auf einer Site passiert ist, für ihre Admins

event-connected = Hat ein Konto bei { $service } verbunden.
event-disconnected = Verbindung getrennt.
event-disconnected-admin = Von einem Admin getrennt.
event-disconnected-jira = Getrennt: Laut Jira ist das Konto deaktiviert oder nicht mehr vorhanden.
event-disconnected-atlassian = Getrennt: Atlassian hat das Konto geschlossen.
event-disconnected-service = Von { $service } getrennt.
event-finished-by-another = Jemand anderes kam mit dem Versuch dieser Person von { $service } zurück, oder die Person kam in einem anderen Browser zurück. Es wurde nichts verbunden.
event-refused = Konnte kein Konto verbinden. { $why }
event-moved-from-connect = Die Site ist mit allen Verbindungen von Atlassian Connect zu Forge gewechselt.
event-moved = Eine neue Installation der App hat alle Verbindungen übernommen.
event-acting = Ein Server von { $service } darf in Jira im Namen dieser Person handeln ({ $scope }).
event-decided = Hat geändert, wer Konten verbinden darf. { $what }
rule-customers-allowed = Portalkunden dürfen Konten verbinden.
rule-customers-denied = Portalkunden dürfen keine Konten verbinden.
rule-every-group = Personen aus allen Gruppen dürfen Konten verbinden.
rule-groups = Nur Mitglieder dieser Gruppen dürfen Konten verbinden: { $groups }.
rule-acting-denied = Server von { $service } dürfen in Jira nicht im Namen von Personen handeln.

## Wozu die App ihre Berechtigungen hat

scope-read = Um zu lesen, wie eine Person heißt, ob ihr Konto aktiv ist und, falls Sie Gruppen auswählen, zu welchen Gruppen sie gehört, und um festzustellen, ob jemand, der diese Seite öffnet, Jira-Admin ist.
scope-write = Um den Schlüssel in einer Benutzereigenschaft jeder verbundenen Person zu speichern.
scope-delete = Um diese Benutzereigenschaft zu löschen, wenn eine Verbindung endet.
scope-act-as-user = Um diese Eigenschaft im Namen der Person zu schreiben, wenn Jira es der App selbst nicht erlaubt, zum Beispiel weil ihre Admin-Berechtigung entfernt wurde.
scope-read-jira-user = Um zu lesen, wie eine Person heißt, ob ihr Konto aktiv ist, welchen Schlüssel sie hat und, falls Sie Gruppen auswählen, zu welchen Gruppen sie gehört.
scope-read-jira-work = Um Jira zu fragen, ob jemand, der diese Seite öffnet, Jira-Admin ist. Die App selbst liest keine Vorgänge.
scope-write-jira-work = Um den Schlüssel in einer Benutzereigenschaft jeder verbundenen Person zu speichern und zu löschen. Atlassian hat dafür keine engere Berechtigung. Die App selbst schreibt keine Vorgänge.
scope-read-app-system-token = Um Jira als App aufzurufen, während niemand einen Vorgang ansieht.
scope-report-personal-data = Um Atlassian zu fragen, welche der gespeicherten Konten geschlossen wurden, und deren Daten zu löschen.

## Abschlussseite in Jira

finish-proving-title = Es wird geprüft, wer Sie sind …
finish-proving = { $app } fragt Jira, wer hier angemeldet ist.
finish-proved-title = Sie sind zurück in Jira
finish-signed-in = Sie sind bei Jira angemeldet als
finish-next = Als Nächstes sehen Sie dieses Konto neben dem, mit dem Sie sich bei { $service } angemeldet haben. Erst wenn Sie dort „Konten verbinden“ wählen, wird etwas verbunden.
finish-start-again = Gehen Sie zurück zu Jira und wählen Sie erneut „Verbinden“.
finish-look = Sehen Sie im Vorgang nach: Wenn dort „Verbunden“ steht, sind Sie fertig. Wählen Sie andernfalls erneut „Verbinden“.
finish-over-title = Dieser Versuch ist beendet
finish-over = Er wurde abgeschlossen oder abgebrochen, oder er hat zu lange gedauert.
finish-unauthorized-title = Jira konnte nicht bestätigen, wer Sie sind
finish-unauthorized = Laden Sie diese Seite neu. Wenn Sie das wieder sehen, bitten Sie einen Jira-Admin dieser Site, die App neu zu installieren.
finish-nothing-title = Hier gibt es nichts abzuschließen
finish-nothing = Jira öffnet diese Seite, nachdem Sie sich bei { $service } angemeldet haben.
jira-silent-title = Jira antwortet nicht
one-moment-title = Einen Moment, bitte
finish-too-many = Es gab zu viele Anfragen auf einmal.
finish-unavailable-title = Im Moment nicht verfügbar
finish-unreachable-title = Keine Verbindung
finish-no-bridge-title = Jira antwortet dieser Seite nicht
finish-no-bridge = Diese Seite funktioniert nur innerhalb von Jira.
finish-failed-title = Etwas ist schiefgelaufen
finish-late-title = Das hat zu lange gedauert
finish-late = Zu Ihrer Sicherheit endet ein Versuch nach zehn Minuten, nach der Rückkehr von { $service } schon nach fünf.
not-allowed-title = Sie können dieses Konto nicht verbinden
finish-wrong-person-title = Jemand anderes hat diese Verbindung gestartet
finish-wrong-person = Sie sind bei Jira als { $name } angemeldet, aber jemand anderes hat diese Verbindung gestartet. Es wurde nichts verbunden.
finish-wrong-person-unnamed = Sie sind bei Jira nicht als die Person angemeldet, die diese Verbindung gestartet hat. Es wurde nichts verbunden.
finish-wrong-person-advice = Wenn Sie jemand hierher geschickt hat, schließen Sie diesen Tab. Um Ihr eigenes Konto zu verbinden, wählen Sie in einem Jira-Vorgang „Verbinden“. Wenn Sie zwei Jira-Konten haben, melden Sie sich mit dem an, mit dem Sie begonnen haben, und wählen Sie dann erneut „Verbinden“.

## Was die Skripte aller Seiten in Jira sagen

frame-slow = Das hat einen Moment gedauert. Klicken Sie noch einmal auf die Schaltfläche.
frame-clock-title = Eine Uhr geht falsch
frame-clock-apart = { $minutes ->
    [one] Die Uhren Ihres Computers und des App-Servers weichen um eine Minute voneinander ab. Prüfen Sie Datum, Uhrzeit und Zeitzone Ihres Computers und laden Sie die Seite neu. Wenn sie stimmen, wenden Sie sich an den Support.
   *[other] Die Uhren Ihres Computers und des App-Servers weichen um { $minutes } Minuten voneinander ab. Prüfen Sie Datum, Uhrzeit und Zeitzone Ihres Computers und laden Sie die Seite neu. Wenn sie stimmen, wenden Sie sich an den Support.
}
frame-clock-other = Nach der Uhr des App-Servers ist Jiras Bestätigung, wer Sie sind, abgelaufen. Die Uhr Ihres Computers stimmt mit der des App-Servers überein. Laden Sie die Seite neu. Wenn das nicht hilft, wenden Sie sich an den Support.
frame-not-left = Es wurde nichts geöffnet. Um fortzufahren, klicken Sie noch einmal auf die Schaltfläche und lassen Sie Jira { $host } öffnen.

## Seite für Jira-Admins

admin-loading = Jira wird gefragt, wer Sie sind …
admin-refused-title = Diese Seite kann im Moment nicht angezeigt werden
admin-refused = Der Server der App oder Jira antwortet nicht. Versuchen Sie es gleich noch einmal.
admin-about = Personen verbinden ihr Jira-Konto in einem Vorgang mit ihrem { $service }-Konto. { $app } speichert einen befristeten Schlüssel in ihrem Jira-Profil und erneuert ihn, bis die Verbindung endet.
admin-start-title = Erste Schritte
admin-start-connect = Öffnen Sie einen beliebigen Vorgang, suchen Sie daneben { $app } und wählen Sie „Verbinden“. Melden Sie sich bei { $service } an, kommen Sie zurück und bestätigen Sie.
admin-start-decide = Legen Sie unten fest, wer Konten verbinden darf. Bis dahin dürfen es alle, die hier ein Jira-Konto haben.
admin-start-allowlist = Wenn diese Site eine IP-Zulassungsliste hat, nehmen Sie die unter „Zustand“ genannten Adressen darin auf.
admin-health-title = Zustand
admin-health-well = Funktioniert
admin-health-ill = Handlungsbedarf
admin-health-well-text = Der Erneuerung der Schlüssel steht nichts im Weg.
admin-health-waits = Einige Aufrufe warten:
admin-health-disabled = Die App ist auf dieser Site deaktiviert. Aktivieren Sie sie unter „Apps verwalten“. Bis dahin werden keine Schlüssel erneuert.
admin-health-next-try = Nächster Versuch: { $time }.
admin-site = Site
admin-door = Installiert als
admin-door-forge = Forge-App
admin-door-connect = Atlassian-Connect-App
admin-writes-as = Wer Schlüssel speichert
admin-writes-as-person = Jede Person selbst: Jira lässt den Benutzer der App die Eigenschaft nicht schreiben. Um das zu ändern, geben Sie diesem Benutzer die Berechtigung „Jira verwalten“.
admin-writes-as-app = Der Benutzer der App
admin-connections = Verbindungen
admin-people = { $count ->
    [one] { $count } Person
   *[other] { $count } Personen
}
admin-reconnect-count = { $count ->
    [one] { $count } muss das Konto neu verbinden
   *[other] { $count } müssen ihr Konto neu verbinden
}
admin-expired-count = { $count ->
    [one] { $count } Schlüssel ist abgelaufen
   *[other] { $count } Schlüssel sind abgelaufen
}
admin-allowlist = IP-Zulassungsliste
admin-allowlist-ask = Wenn diese Site eine hat, fragen Sie den Anbieter der App, welche Adressen Sie hinzufügen müssen.
admin-links-title = Wer verbunden ist
admin-search = Suchen
admin-search-hint = Name oder Konto-ID
admin-show = Anzeigen
admin-show-all = Alle
admin-show-connected = Verbunden
admin-show-trouble = Verbunden, mit Problem
admin-show-reconnect = Muss Konto neu verbinden
admin-links-table = Tabelle der verbundenen Personen
admin-person = Person
admin-account = { $service }-Konto
admin-state = Status
admin-since = Seit
key-valid-until = Schlüssel gültig bis
admin-state-connected = Verbunden
admin-state-connecting = Wird verbunden
admin-state-expired = Schlüssel abgelaufen
admin-state-reconnect = Muss Konto neu verbinden
admin-links-none = Noch niemand hat ein Konto verbunden.
admin-links-not-found = Keine Treffer.
admin-links-found = { $count ->
    [one] { $count } Person gefunden
   *[other] { $count } Personen gefunden
}
admin-links-found-more = { $count ->
    [one] Mehr als { $count } Person gefunden
   *[other] Mehr als { $count } Personen gefunden
}
admin-links-of = { $count ->
    [one] { $shown } von { $count } Person
   *[other] { $shown } von { $count } Personen
}
admin-first-page = Erste Seite
admin-next-page = Nächste Seite
admin-find-left = Ausgeschiedene Personen suchen
admin-end-all = Alle Verbindungen trennen
admin-close = Schließen
admin-ask-one = Verbindung von { $name } trennen?
admin-ended-one = Die Verbindung von { $name } wurde getrennt.
admin-ask-all = { $count ->
    [one] Alle Verbindungen trennen? { $count } Verbindung endet endgültig. Der Schlüssel wird aus Jira gelöscht und funktioniert nicht mehr, und die Person muss ihr Konto wieder verbinden.
   *[other] Alle Verbindungen trennen? { $count } Verbindungen enden endgültig. Die Schlüssel werden aus Jira gelöscht und funktionieren nicht mehr, und jede Person muss ihr Konto wieder verbinden.
}
admin-ending-all = { $count ->
    [one] { $count } Verbindung ist beendet, { $left } verbleiben …
   *[other] { $count } Verbindungen sind beendet, { $left } verbleiben …
}
admin-ended-all = { $count ->
    [one] Alle Verbindungen wurden getrennt: { $count } Verbindung.
   *[other] Alle Verbindungen wurden getrennt: { $count } Verbindungen.
}
admin-checked = { $count ->
    [one] { $count } Person geprüft …
   *[other] { $count } Personen geprüft …
}
admin-nobody-left = { $count ->
    [one] Niemand ist ausgeschieden: Jira kennt diese { $count } Person, und ihr Konto ist aktiv.
   *[other] Niemand ist ausgeschieden: Jira kennt alle { $count } Personen, und ihre Konten sind aktiv.
}
admin-left = { $count ->
    [one] { $count } Person ist ausgeschieden: Das Jira-Konto ist deaktiviert oder nicht mehr vorhanden.
   *[other] { $count } Personen sind ausgeschieden: Ihre Jira-Konten sind deaktiviert oder nicht mehr vorhanden.
}
admin-left-more = und { $count } weitere
admin-end-left = { $count ->
    [one] Verbindung dieser Person trennen
   *[other] Verbindungen dieser Personen trennen
}
admin-ended-left = { $count ->
    [one] Die Verbindung einer ausgeschiedenen Person wurde getrennt.
   *[other] Die Verbindungen von { $count } ausgeschiedenen Personen wurden getrennt.
}
admin-rule-title = Wer Konten verbinden darf
admin-customers = Portalkunden von Jira Service Management dürfen Konten verbinden
admin-customers-note = Portalkunden verwenden diese Site über das Hilfecenter und haben kein eigenes Jira-Konto.
admin-act-as = Server von { $service } dürfen in Jira im Namen verbundener Personen handeln
admin-act-as-note = Sie können nicht mehr als die Person selbst. Jeder Zugriff wird unter „Verlauf“ aufgeführt.
admin-groups = Nur Mitglieder dieser Gruppen
admin-groups-note = Geben Sie eine Gruppe pro Zeile ein, mit Namen oder ID. Lassen Sie das Feld leer, damit alle Konten verbinden können. Die App fragt Jira bei jedem Versuch, und wer schon verbunden ist, bleibt verbunden.
admin-save = Speichern
admin-saved = Gespeichert.
admin-events-title = Verlauf
admin-events-days = { $days ->
    [one] Wird { $days } Tag aufbewahrt.
   *[other] Wird { $days } Tage aufbewahrt.
}
admin-events-table = Tabelle der Ereignisse
admin-when = Wann
admin-what = Was
admin-by = Auslöser
admin-by-person = Die Person
admin-by-admin = Ein Admin
admin-by-service = { $service }
admin-by-jira = Jira
admin-by-atlassian = Atlassian
admin-by-app = { $app }
admin-events-none = Bisher ist nichts passiert.
admin-export-csv = CSV exportieren
admin-export-lines = JSON-Zeilen exportieren
admin-file-saved = { $file } wurde gespeichert.
admin-scopes-title = Was { $app } in Jira darf und warum
admin-scopes-table = Tabelle der Berechtigungen
admin-permission = Berechtigung
admin-why = Warum
admin-no-issue = Die App liest keine Vorgänge, Kommentare oder Anhänge.
