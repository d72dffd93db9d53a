## Boutons et libellés communs à plusieurs pages

button-continue = Continuer
button-cancel = Annuler
button-try-again = Réessayer
button-another-account = Utiliser un autre compte
button-disconnect = Déconnecter
back-to-jira = Retour à Jira
back-to-issue = Retour à { $issue }
account-id = ID du compte
code-label = Code :
reference-label = Référence :
your-jira-account = Votre compte Jira
connected-as = Compte connecté : { $name }
still-connected = Votre compte { $service } reste connecté : { $name }.
nothing-connected = Aucun compte n’a été connecté.
nothing-connected-yet = Aucun compte n’a encore été connecté. Réessayez dans un instant.
try-again-soon = Cela n’a pas fonctionné. Réessayez dans un instant.

## Panneau dans un ticket

button-connect = Connecter
button-reconnect = Reconnecter
panel-checking = Vérification de votre connexion…
panel-unreachable = { $app } est injoignable
panel-offline = Vous êtes hors ligne
panel-retrying = Une nouvelle tentative aura lieu automatiquement.
panel-retry-at = Prochaine tentative : { $time }.
panel-retry-online = L’affichage se mettra à jour dès que vous serez de nouveau en ligne.
panel-retry-reload = Une nouvelle tentative aura lieu automatiquement. Si cela ne suffit pas, rechargez le ticket.
panel-unfinished = Vous n’avez pas terminé. Aucun compte n’a été connecté.
panel-unfinished-stays = Vous n’avez pas terminé. Le compte { $name } reste connecté.
panel-unfinished-unchanged = Vous n’avez pas terminé. Rien n’a changé.
panel-cancelled = Opération annulée. Aucun compte n’a été connecté.
panel-cancelled-stays = Opération annulée. Le compte { $name } reste connecté.
panel-cancelled-unchanged = Opération annulée. Rien n’a changé.
panel-left-shared = Compte déconnecté. La clé n’est plus renouvelée. { $service } garde la session ouverte jusqu’à la fin de l’autre connexion au même compte.
panel-left-retried = Compte déconnecté. La clé n’est plus renouvelée. { $service } ou Jira n’a pas encore confirmé la suppression de la dernière clé. Une nouvelle tentative aura lieu automatiquement.
panel-connect-title = Connectez votre compte { $service }
panel-connect = Utilisez { $service } depuis Jira avec votre propre compte. { $app } conserve une clé temporaire dans votre profil Jira et la renouvelle jusqu’à ce que vous déconnectiez votre compte.
panel-connecting = Connexion en cours…
panel-finish-in-tab = Terminez dans l’onglet qui s’est ouvert : identifiez-vous sur { $service }, revenez dans Jira, puis confirmez.
panel-tab-lost = Vous avez fermé ou perdu l’onglet ? Recommencez ou annulez.
panel-arriving = Connexion du compte { $name }…
panel-arriving-text = Jira n’a pas encore votre clé. Une nouvelle tentative aura lieu automatiquement.
panel-purpose = Vous pouvez utiliser { $service } depuis Jira avec votre propre compte.
panel-consent = Votre connexion à { $service } prend fin le { $date }. Reconnectez votre compte pour la conserver.
panel-account = Compte
panel-expired-at = Clé expirée
panel-since = La clé a expiré : { $time }.
panel-was = Compte connecté auparavant : { $name }.
panel-switching = Connexion d’un autre compte…
panel-reconnecting = Reconnexion…
panel-stays = Le compte { $name } reste connecté jusqu’à ce que vous ayez terminé.
panel-switching-text = Terminez dans l’onglet qui s’est ouvert. Vous l’avez fermé ou perdu ? Recommencez ou annulez.
panel-not-installed-title = L’app { $app } n’est pas installée correctement
panel-not-installed = Rechargez le ticket. Si vous voyez à nouveau ce message, demandez à un administrateur Jira de ce site de réinstaller { $app }.
panel-renewing = Renouvellement de la clé…
panel-renewed = La clé a été renouvelée.
panel-manage = Gérer
panel-renew-now = Renouveler maintenant
panel-disconnect-ask = Déconnecter { $service } ?
panel-details = Détails
panel-service = Service
panel-renewed-at = Renouvelée
panel-key-number = Numéro de clé
panel-blocked-title = Aucun nouvel onglet ne s’est ouvert.
panel-blocked = Votre navigateur l’a peut-être bloqué. Cherchez une icône dans sa barre d’adresse, autorisez les fenêtres contextuelles pour ce site Jira et sélectionnez à nouveau le bouton.
panel-ask-admin = Adressez-vous à un administrateur Jira de ce site.
panel-reconnect-default = La clé n’a pas pu être renouvelée. Reconnectez votre compte pour corriger cela.
panel-flag-reconnect = Votre connexion à { $service } nécessite votre intervention. Sélectionnez « Reconnecter » dans ce ticket.
panel-flag-expired = Le panneau de ce ticket en indique la raison.
panel-flag-works = Votre connexion à { $service } fonctionne à nouveau

## Ce qui est montré du service

step-one = Étape 1 sur 3
step-two = Étape 2 sur 3
step-three = Étape 3 sur 3
link-allow-title = Ce que vous autorisez sur { $service }
allow-identity = Savoir quel compte est le vôtre
allow-profile = Lire votre nom et votre photo
allow-email = Lire votre adresse e-mail
allow-offline = Renouveler la clé en votre absence
allow-read = Lire ce que vous pouvez y voir
allow-other = Autorisation { $scope }
service-help = Aide
service-privacy = Confidentialité
contact-support = Contacter le support

## Page de connexion d’un compte

link-title = Connecter { $service } à Jira
link-page-title = Connecter { $service }
link-connected-as = Un compte { $service } est déjà connecté : { $name }. Il le reste jusqu’à ce que vous en connectiez un autre.
link-awaits-jira-title = Votre identification sur { $service } a réussi, mais Jira n’a pas encore confirmé qui vous êtes.
link-awaits-jira = Si la page Jira est encore ouverte dans un autre onglet, continuez dans cet onglet. Sinon, sélectionnez « Continuer » pour vous identifier à nouveau.
link-for = Vous connectez { $service } à ce compte Jira
link-not-you = Ce n’est pas vous, ou pas votre site ? Alors quelqu’un d’autre a lancé cette opération. Sélectionnez « Annuler ».
link-shared-title = Ce qui sera partagé
link-shared-key = Une clé temporaire pour { $service } est enregistrée dans votre profil Jira sur ce site.
link-shared-readers = Vous, les administrateurs de ce site et les apps disposant d’autorisations d’administrateur pouvez l’y lire.
link-shared-renewed = { $app } la renouvelle jusqu’à ce que vous déconnectiez votre compte.
link-shared-renewed-issue = { $app } la renouvelle jusqu’à ce que vous déconnectiez votre compte. Vous pouvez le faire dans { $issue } ou dans tout autre ticket.
link-log-out-title = Pour connecter un autre compte, fermez d’abord votre session sur { $service }.
link-log-out = Ouvrez { $service } dans un autre onglet et fermez-y votre session. Sélectionnez ensuite « Continuer » ici. Sinon, { $service } utilisera le compte de la session ouverte.
link-next-choose = Ensuite, { $service } vous demande quel compte utiliser. Vous revenez alors dans Jira, puis ici pour confirmer.
link-next = Ensuite, identifiez-vous sur { $service }. Vous revenez alors dans Jira, puis ici pour confirmer.

## Page présentant les deux comptes

both-title = Connecter ces deux comptes ?
both-check = Vérifiez que les deux sont à vous. Rien n’est connecté tant que vous n’avez pas sélectionné « Connecter les comptes ».
both-connect = Connecter les comptes
both-elsewhere-title = La confirmation de Jira vient d’un autre réseau ou d’un autre navigateur.
both-elsewhere = Si vous ne venez pas d’ouvrir Jira ailleurs, quelqu’un essaie peut-être de connecter votre compte { $service } à son propre compte Jira. Sélectionnez « Annuler ».
both-replaces = Le compte { $old } est actuellement connecté et sera remplacé par { $new }. La clé du compte { $old } cessera de fonctionner.
both-shared-one = Sur ce site, { $first } a aussi connecté ce compte { $service }. Les deux connexions fonctionneront.
both-shared-two = Sur ce site, { $first } et { $second } ont aussi connecté ce compte { $service }. Toutes les connexions fonctionneront.
both-shared-three = Sur ce site, { $first }, { $second } et { $third } ont aussi connecté ce compte { $service }. Toutes les connexions fonctionneront.
both-stored = { $app } enregistrera une clé temporaire pour { $service } dans ce profil Jira. Les administrateurs du site pourront l’y lire.
both-not-yours = Ce n’est pas votre compte Jira, ou pas votre site ? Alors quelqu’un d’autre a lancé cette opération. Sélectionnez « Annuler ».
both-log-out = Pour utiliser un autre compte, fermez d’abord votre session sur { $service } dans un autre onglet. Sinon, { $service } utilisera le compte de la session ouverte.
both-no-script = Autorisez JavaScript sur cette page pour connecter les comptes. Il garantit que vous voyez cette page avant de sélectionner « Connecter les comptes ».

## Pendant l’interrogation du service

waiting-title = Vérification de votre identité sur { $service }…
waiting-text = Pour { $site }. Cette page se recharge automatiquement. Rien n’est connecté tant que vous n’avez pas confirmé.

## Ce qu’est devenue une tentative

key-expired-title = Votre clé { $service } a expiré
over-jira-waits = Jira n’a pas encore enregistré la clé. Une nouvelle tentative aura lieu automatiquement. Le ticket l’indiquera dès que la clé sera enregistrée.
over-renews = { $app } renouvelle votre clé jusqu’à ce que vous déconnectiez votre compte. Vous pouvez le faire dans n’importe quel ticket.
over-renews-issue = { $app } renouvelle votre clé jusqu’à ce que vous déconnectiez votre compte. Vous pouvez le faire dans { $issue } ou dans tout autre ticket.
reconnect-title = Reconnecter { $service }
over-reconnect = Ouvrez un ticket dans Jira et sélectionnez « Reconnecter ».
over-disconnected-title = Vous avez déconnecté { $service }
over-disconnected = Votre compte a été connecté ici, puis déconnecté. Pour le connecter à nouveau, ouvrez un ticket dans Jira et sélectionnez « Connecter ».
over-cancelled-title = Opération annulée
over-replaced-title = Vous avez recommencé dans un autre onglet
over-replaced = Cette page est la plus ancienne et ne peut plus être utilisée.
over-refused-title = Cette tentative a été arrêtée
over-refused = Le retour dans Jira ne correspondait pas au début de la tentative. Elle a donc été arrêtée pour votre sécurité.
over-failed-title = Cette tentative est terminée
over-failed = { $service } ne l’a pas menée à terme, ou elle a duré trop longtemps.
over-failed-again = Pour réessayer, ouvrez un ticket dans Jira et sélectionnez « Connecter ».
over-ended = Cette tentative a donc pris fin.
over-disconnected-meanwhile-title = Vous avez déconnecté votre compte entre-temps
over-uninstalled-title = L’app a été supprimée ou réinstallée entre-temps
over-newer = Continuer avec la plus récente

## Erreurs : ce qui s’est passé, ce qui reste valable, ce qu’il faut faire

button-start-again = Recommencer
error-look-again = Afficher la page actuelle
error-unauthorized-title = Jira n’a pas confirmé votre identité
error-unauthorized = Rechargez le ticket dans Jira et réessayez. Si cela se reproduit, vérifiez la date et l’heure de votre ordinateur. Si elles sont correctes, demandez à un administrateur Jira de réinstaller l’app.
error-old-panel = Si la nouvelle app { $app } est installée sur ce site, utilisez son panneau dans le ticket au lieu de celui-ci : tous les comptes déjà connectés y sont toujours connectés. Sinon, rechargez le ticket et vérifiez la date et l’heure de votre ordinateur. Si cela se reproduit, demandez à un administrateur Jira de vérifier l’app.
error-wrong-caller-title = Cette adresse n’accepte pas cet appel
error-wrong-caller = Elle accepte d’autres types d’appels : ceux de la page d’une personne ou ceux de Forge.
error-setting-up-title = L’app est en cours de configuration pour ce site
error-setting-up = Après une installation, cela prend quelques minutes, une heure au plus. Réessayez ensuite.
error-not-served-title = L’app ne prend pas en charge ce site
error-not-served = Cette installation de l’app a été remplacée, ou le fournisseur de l’app ne prend pas en charge ce site Jira. Demandez à un administrateur Jira de vérifier l’app, ou contactez le support.
error-not-admin-title = Seuls les administrateurs Jira peuvent utiliser cette page
error-not-admin = D’après Jira, vous n’avez pas l’autorisation globale « Administrer Jira » sur ce site. Si vous l’avez pourtant, demandez à un autre administrateur de vérifier que l’app peut lire les autorisations.
error-wrong-person-title = Quelqu’un d’autre a lancé cette connexion
error-wrong-person = Quelqu’un d’autre a commencé à connecter un compte. Aucun compte n’a été connecté. Pour connecter le vôtre, ouvrez un ticket et sélectionnez « Connecter ».
error-wrong-person-name = Vous utilisez Jira en tant que { $name }, mais quelqu’un d’autre a commencé à connecter un compte. Aucun compte n’a été connecté. Pour connecter le vôtre, ouvrez un ticket et sélectionnez « Connecter ».
error-wrong-browser-title = Cette page ne correspond pas à ce navigateur
error-wrong-browser = Elle a été ouverte dans un autre navigateur ou il y a plus d’une heure, ou votre navigateur bloque les cookies de ce site. Aucun compte n’a été connecté. Si vous bloquez les cookies, autorisez-les ici, puis ouvrez le ticket dans Jira et sélectionnez à nouveau « Connecter ».
error-denied-title = Vous n’avez pas autorisé l’accès
error-denied = Vous n’avez pas autorisé l’accès dans { $service }. Aucun compte n’a donc été connecté. Si c’était une erreur, ouvrez le ticket dans Jira et sélectionnez à nouveau « Connecter ».
error-cross-site-title = Cette requête provient d’un autre site
error-cross-site = Rien n’a été modifié. Ouvrez le ticket dans Jira et sélectionnez-y « Connecter ».
error-attempt-over-title = Cette tentative de connexion est terminée
error-attempt-over = Elle a été menée à terme, annulée ou recommencée ailleurs, ou elle a duré trop longtemps. Si le ticket dans Jira n’affiche pas votre compte comme connecté, sélectionnez-y à nouveau « Connecter ».
error-timed-out-title = La tentative a duré trop longtemps
error-timed-out = Pour votre sécurité, une tentative de connexion prend fin au bout de dix minutes, ou cinq minutes après votre retour du service. Celle-ci n’a connecté aucun compte. Si le ticket dans Jira n’affiche pas votre compte comme connecté, sélectionnez-y « Connecter » et terminez sans longue pause.
error-code-expired-title = Cela a pris trop de temps
error-code-expired = Après votre identification, { $service } n’attend que peu de temps, et ce délai est dépassé. Aucun compte n’a été connecté. Recommencez, et continuez dès votre retour dans Jira.
error-out-of-date-title = Cette page n’est plus à jour
error-out-of-date = Quelque chose a changé depuis l’affichage de cette page. Votre clic n’a donc rien connecté. Consultez la page actuelle.
error-ahead-title = Cette page ne se charge pas à l’avance
error-ahead = Ouvrez-la vous-même.
error-not-linked-title = Aucun compte n’est connecté
error-not-linked = Il n’y a pas de clé. Sélectionnez d’abord « Connecter ».
error-bad-request-title = La requête n’a pas été comprise
error-rule-customers = Le fournisseur de l’app n’autorise pas les clients du portail à connecter un compte.
error-rule-long-group = Un groupe tient sur une seule ligne et compte 255 caractères au plus.
error-rule-many-groups = Vous pouvez choisir jusqu’à 50 groupes.
error-not-found-title = Cette page n’existe pas
error-not-found = Revenez dans Jira et ouvrez le ticket d’où vous venez.
error-method-title = Cette adresse ne peut pas être utilisée ainsi
error-too-large-title = La requête est trop volumineuse
error-too-large = Sa taille ne peut pas dépasser 64 Kio.
error-too-slow-title = La requête a pris trop de temps
error-too-slow = Elle n’est pas arrivée à temps. Réessayez.
error-too-many-title = Trop de requêtes
error-too-many = Patientez un instant et réessayez.
error-crowded-title = Trop de requêtes sont en attente
error-crowded = Rien n’a été modifié. Patientez un instant et réessayez.
error-service-refused-title = { $service } n’a pas pu traiter la demande
error-service-refused = { $service } n’a pas accepté la demande. Aucun compte n’a été connecté. Pour réessayer, sélectionnez « Connecter » dans le ticket.
error-scope-refused-title = { $service } n’autorise pas tout ce que l’app demande
error-scope-refused = { $service } a refusé l’une des autorisations demandées par l’app. Aucun compte n’a donc été connecté. Votre organisation chez { $service } ne la permet peut-être pas, ou l’app en demande trop. Réessayer ne sert à rien : contactez le support en indiquant le code ci-dessous.
error-app-refused-title = { $service } n’accepte pas cette app
error-app-refused = { $service } refuse l’app elle-même, pour tout le monde. Aucun compte n’a été connecté. Réessayer ne sert à rien tant que le problème n’est pas résolu : contactez le support en indiquant le code ci-dessous.
error-key-too-large-title = La clé est trop volumineuse pour Jira
error-key-too-large = La clé fournie par { $service } occupe { $size } octets dans Jira, qui en accepte { $most }. Aucun compte n’a été connecté, et la clé est révoquée. Réessayer ne sert à rien : contactez le support en indiquant le code ci-dessous.
error-service-unreachable-title = { $service } est injoignable
error-service-unreachable = { $service } ne répond pas pour le moment. Réessayez dans une minute.
error-jira-unreachable-title = Jira est injoignable
error-jira-unreachable = Jira ne répond pas pour le moment. Réessayez dans une minute.
error-ip-allowlist-title = Ce site Jira bloque l’app
error-ip-allowlist = Ce site est protégé par une liste d’adresses IP autorisées, et l’adresse du serveur de l’app n’y figure pas. Rien n’a été modifié. Demandez à un administrateur de votre organisation Atlassian d’ajouter cette adresse. Le fournisseur de l’app la connaît.
error-jira-busy-title = Jira demande à l’app de patienter
error-jira-busy = { $minutes ->
    [one] Jira limite la fréquence des appels des apps. Rien n’est perdu, et les comptes connectés le restent. Réessayez dans une minute.
   *[other] Jira limite la fréquence des appels des apps. Rien n’est perdu, et les comptes connectés le restent. Réessayez dans { $minutes } minutes.
}
error-unavailable-title = Indisponible pour le moment
error-unavailable = Rien n’est perdu. Réessayez dans une minute.
error-not-ready-title = Pas encore prêt
error-internal-title = Un problème est survenu
error-internal = Nous avons enregistré ce qui s’est passé. Réessayez. Si cela se reproduit, contactez le support.
error-unknown-caller-title = Non autorisé
error-unknown-caller = Envoyez la valeur de LATCHKEY_SERVICE_SECRET comme mot de passe HTTP Basic ou comme jeton Bearer.

## Qui ne peut pas connecter de compte

refused-anonymous-title = Identifiez-vous d’abord dans Jira
refused-anonymous = Jira montre aussi ce ticket aux visiteurs. Identifiez-vous dans Jira, rechargez le ticket, puis connectez votre compte.
refused-anonymous-admin = Aucune session Jira n’était ouverte.
refused-customer-title = Les clients du portail ne peuvent pas connecter de compte
refused-customer = Vous utilisez ce site en tant que client de son centre d’aide. Seules les personnes disposant d’un compte Jira peuvent connecter { $service }. Demandez un compte à un administrateur Jira.
refused-customer-admin = Les clients du portail ne peuvent pas connecter de compte sur ce site.
refused-app-title = Les apps ne peuvent pas connecter de compte
refused-app = Ce compte est celui d’une app. Identifiez-vous dans Jira avec le compte d’une personne.
refused-app-admin = Ce compte est celui d’une app.
refused-unknown-title = Vous ne pouvez pas connecter ce compte
refused-unknown = Jira n’indique pas de quel type de compte il s’agit. Adressez-vous à un administrateur Jira.
refused-unknown-admin = Jira n’indique pas de quel type de compte il s’agit.
refused-deactivated-title = Ce compte est désactivé
refused-deactivated = D’après Jira, ce compte n’est pas actif. Adressez-vous à un administrateur Jira.
refused-deactivated-admin = Le compte est désactivé.
refused-group-title = Votre administrateur ne vous autorise pas encore à connecter un compte
refused-group = Les administrateurs de ce site Jira n’autorisent que les membres de certains groupes à connecter { $service }. Demandez à un administrateur Jira de vous ajouter à l’un d’eux.
refused-group-admin = La personne n’appartient à aucun des groupes autorisés à connecter un compte.

## Pourquoi il n’y a pas de clé valide, pour la personne

trouble-service-away = { $service } ne répond pas. La clé n’a donc pas pu être renouvelée. Une nouvelle tentative aura lieu automatiquement.
trouble-service-waits = { $service } a demandé à l’app d’attendre avant de renouveler la clé. Une nouvelle tentative aura lieu automatiquement.
trouble-refused = { $service } refuse de renouveler la clé sans dire pourquoi. Une nouvelle tentative aura lieu automatiquement. Si le refus persiste, il vous sera demandé de reconnecter votre compte.
trouble-app-refused = { $service } refuse l’app. Les clés ne peuvent donc pas être renouvelées tant que le problème n’est pas résolu. Une nouvelle tentative aura lieu automatiquement.
trouble-no-key = { $service } n’a pas fourni de nouvelle clé. Une nouvelle tentative aura lieu automatiquement.
trouble-jira-away = Jira n’a pas encore enregistré la nouvelle clé. Une nouvelle tentative aura lieu automatiquement.
trouble-unknown = La clé n’a pas encore été renouvelée. Une nouvelle tentative aura lieu automatiquement.
reconnect-revoked = { $service } n’accepte plus cette connexion : elle y a été interrompue, ou elle a expiré.
reconnect-rotation-lost = Une réponse envoyée par { $service } s’est perdue pendant le renouvellement de la clé, et { $service } ne la renvoie pas.
reconnect-no-refresh-token = La clé a expiré, et { $service } ne permet pas de la renouveler.
reconnect-consent-ended = { $service } vous redemande votre accord de temps en temps, et l’échéance est passée. Tout est normal.
reconnect-restored = Cette connexion a été restaurée à partir d’une sauvegarde plus ancienne que sa dernière clé. Vous n’y êtes pour rien, et rien n’a été interrompu chez { $service }.
reconnect-keeps-refusing = La clé a expiré, et { $service } a refusé chaque renouvellement depuis, sans dire pourquoi.
aside-sealed = Les données enregistrées pour cette connexion ne sont plus lisibles.
aside-no-outcome = La clé { $service } n’a pas encore pu être renouvelée. Une nouvelle tentative aura lieu automatiquement.
aside-jira-refuses = Jira n’autorise pas l’app à enregistrer la clé. Un administrateur Jira peut vérifier les autorisations de l’app.
aside-site-not-allowed = Le fournisseur de l’app pour { $service } ne prend pas en charge ce site.
aside-too-large = La dernière clé { $service } est trop volumineuse pour Jira. Reconnecter votre compte ne sert à rien : contactez le support.
aside-too-large-size = La dernière clé { $service } est trop volumineuse pour Jira : elle occupe { $size } octets, et Jira en accepte { $most }. Reconnecter votre compte ne sert à rien : contactez le support.
park-unauthorized = Jira n’accepte pas l’app pour le moment. Une nouvelle tentative aura lieu automatiquement. Si cela continue, un administrateur Jira peut réinstaller l’app.
park-quota = Jira n’accepte plus de modifications de l’app pendant cette heure. La clé sera enregistrée dès que ce sera de nouveau possible.
park-asked = Jira a demandé à l’app de patienter. La clé sera enregistrée dès que possible.
park-ip-allowlist = La liste d’adresses IP autorisées de ce site Jira bloque l’app. Demandez à un administrateur de votre organisation Atlassian d’y ajouter l’adresse de l’app. La clé sera alors enregistrée.
park-not-jira = Ce site Jira ne répond pas à l’app pour le moment. La clé sera enregistrée dès qu’il répondra.
park-no-system-token = Jira n’a pas donné accès à l’app depuis un certain temps. La clé sera enregistrée dès que l’accès sera rétabli, en général dans l’heure.
disconnect-key-ends = La clé est supprimée de votre profil Jira et cesse de fonctionner.
disconnect-key-stays = La clé est supprimée de votre profil Jira et n’est plus renouvelée. Une copie peut encore fonctionner jusqu’à son expiration.
disconnect-shared-others = La connexion d’une autre personne utilise le même compte { $service }, et fermer la session mettrait fin aux deux. { $service } garde donc la session ouverte jusqu’à la fin de l’autre connexion.
disconnect-shared-oneself = Votre connexion sur un autre site Jira utilise le même compte { $service }, et fermer la session mettrait fin aux deux. { $service } garde donc la session ouverte jusqu’à la fin de l’autre connexion.

## La même chose pour les administrateurs d’un site

reconnect-revoked-admin = { $service } a mis fin à la connexion. La personne peut reconnecter son compte. Si cela arrive à beaucoup de personnes, demandez à votre administrateur chez { $service } si l’app y a été bloquée.
reconnect-rotation-lost-admin = Une panne de réseau a mis fin à la connexion. La personne peut reconnecter son compte.
reconnect-no-refresh-token-admin = { $service } ne permet pas de renouveler les clés de cette personne. Elle peut reconnecter son compte, chaque fois pour la durée de validité d’une clé.
reconnect-consent-ended-admin = { $service } redemande de temps en temps l’accord de chaque personne. Celle-ci a été prévenue à l’avance et peut reconnecter son compte.
reconnect-restored-admin = Les données de l’app ont été restaurées à partir d’une sauvegarde plus ancienne que la dernière clé de cette connexion. La personne peut reconnecter son compte.
reconnect-keeps-refusing-admin = La clé de cette personne a expiré et, depuis, { $service } refuse de la renouveler. La personne peut reconnecter son compte. Si cela arrive à beaucoup de personnes, contactez le fournisseur de l’app.
aside-sealed-admin = Les données enregistrées pour cette connexion ne sont plus lisibles. La personne peut reconnecter son compte.
aside-no-outcome-admin = Le renouvellement de la clé { $service } a été interrompu trois fois de suite. Une nouvelle tentative aura lieu automatiquement. Vous n’avez rien à faire.
aside-jira-refuses-admin = Jira n’autorise pas l’app à écrire la propriété utilisateur de cette personne. Accordez à l’utilisateur de l’app l’autorisation globale « Administrer Jira », ou autorisez l’app à agir au nom des utilisateurs. Les renouvellements reprendront automatiquement dans les 15 minutes.
aside-site-not-allowed-admin = L’app pour { $service } ne prend pas en charge l’adresse de ce site. Contactez le fournisseur de l’app. Les renouvellements reprendront automatiquement dès que l’adresse sera prise en charge.
aside-too-large-admin = Les clés fournies par { $service } à cette personne dépassent la taille maximale des propriétés utilisateur de Jira. Contactez le fournisseur de l’app. Vous ne pouvez rien y changer ici.
park-unauthorized-admin = Jira refuse les jetons de l’app. Si l’app est encore installée, réinstallez-la : elle recevra un nouveau secret, et les renouvellements reprendront.
park-global-quota-admin = L’app a épuisé son quota horaire d’appels à Jira pour tous les sites. Les appels reprendront automatiquement au début de l’heure suivante.
park-tenant-quota-admin = L’app a épuisé son quota horaire d’appels à Jira pour ce site. Les appels reprendront automatiquement.
park-burst-admin = Des apps ont appelé ce site trop souvent en peu de temps. Les appels reprendront automatiquement.
park-asked-admin = Ce site a demandé à l’app de patienter. Les appels reprendront automatiquement.
park-ip-allowlist-admin = La liste d’adresses IP autorisées de ce site bloque l’app. Un administrateur de l’organisation Atlassian doit y ajouter l’adresse du serveur de l’app. Le fournisseur de l’app la connaît. Les appels reprendront automatiquement dans la minute qui suit.
park-not-jira-admin = L’app n’atteint pas Jira à l’adresse de ce site : une autre page ou un autre serveur y répond. Aucun compte n’a été déconnecté. Les appels reprendront automatiquement dans les deux minutes suivant le retour de Jira. Si le site a une nouvelle adresse, mettez l’app à jour dans Jira pour qu’elle la connaisse.
park-no-system-token-admin = Atlassian n’a pas appelé le serveur de l’app depuis quelques heures. L’app ne peut donc rien enregistrer sur ce site. Les appels reprendront automatiquement au prochain appel horaire. Si ce n’est pas le cas, contactez le fournisseur de l’app.

## Ce qui s’est passé sur un site, pour ses administrateurs

event-connected = Compte { $service } connecté.
event-disconnected = Compte déconnecté.
event-disconnected-admin = Compte déconnecté par un administrateur.
event-disconnected-jira = Compte déconnecté : d’après Jira, le compte Jira est désactivé ou n’existe plus.
event-disconnected-atlassian = Compte déconnecté : Atlassian a fermé le compte Atlassian de la personne.
event-disconnected-service = Compte déconnecté par { $service }.
event-finished-by-another = Quelqu’un d’autre est revenu du service { $service } avec la tentative de cette personne, ou le retour s’est fait dans un autre navigateur. Aucun compte n’a été connecté.
event-refused = Le compte n’a pas pu être connecté. { $why }
event-moved-from-connect = Le site est passé d’Atlassian Connect à Forge avec toutes ses connexions.
event-moved = Une nouvelle installation de l’app a repris toutes les connexions.
event-acting = Un serveur { $service } peut agir dans Jira au nom de cette personne ({ $scope }).
event-decided = Réglage modifié : qui peut connecter un compte. { $what }
rule-customers-allowed = Les clients du portail peuvent connecter un compte.
rule-customers-denied = Les clients du portail ne peuvent pas connecter de compte.
rule-every-group = Les membres de n’importe quel groupe peuvent connecter un compte.
rule-groups = Seuls les membres de ces groupes peuvent connecter un compte : { $groups }.
rule-acting-denied = Les serveurs { $service } ne peuvent pas agir dans Jira au nom des personnes.

## Pourquoi l’app a ses autorisations

scope-read = Pour lire le nom d’une personne, savoir si son compte est actif et, si vous choisissez des groupes, à quels groupes elle appartient, et vérifier si quelqu’un qui ouvre cette page est administrateur Jira.
scope-write = Pour enregistrer la clé dans une propriété utilisateur de chaque personne dont le compte est connecté.
scope-delete = Pour supprimer cette propriété utilisateur à la fin d’une connexion.
scope-act-as-user = Pour écrire cette propriété au nom de la personne lorsque Jira ne le permet pas à l’app elle-même, par exemple parce que son autorisation d’administrateur a été retirée.
scope-read-jira-user = Pour lire le nom d’une personne et sa clé, et savoir si son compte est actif et, si vous choisissez des groupes, à quels groupes elle appartient.
scope-read-jira-work = Pour demander à Jira si quelqu’un qui ouvre cette page est administrateur Jira. L’app elle-même ne lit aucun ticket.
scope-write-jira-work = Pour enregistrer la clé dans une propriété utilisateur de chaque personne dont le compte est connecté, et pour la supprimer. Atlassian ne propose pas d’autorisation plus restreinte pour cela. L’app elle-même ne modifie aucun ticket.
scope-read-app-system-token = Pour appeler Jira en tant qu’app quand personne ne consulte de ticket.
scope-report-personal-data = Pour demander à Atlassian lesquels des comptes enregistrés ont été fermés, et effacer ces derniers.

## Page de retour, dans Jira

finish-proving-title = Vérification de votre identité…
finish-proving = { $app } demande à Jira quel compte est utilisé ici.
finish-proved-title = Vous êtes de retour dans Jira
finish-signed-in = Vous utilisez Jira en tant que
finish-next = Ensuite, ce compte s’affiche à côté du compte { $service } avec lequel vous venez de vous identifier. Rien n’est connecté tant que vous n’y avez pas sélectionné « Connecter les comptes ».
finish-start-again = Revenez dans Jira et sélectionnez à nouveau « Connecter ».
finish-look = Consultez le ticket : s’il indique « Compte connecté », c’est terminé. Sinon, sélectionnez à nouveau « Connecter ».
finish-over-title = Cette tentative est terminée
finish-over = Elle a été menée à terme ou annulée, ou elle a duré trop longtemps.
finish-unauthorized-title = Jira n’a pas pu confirmer votre identité
finish-unauthorized = Rechargez cette page. Si vous voyez à nouveau ce message, demandez à un administrateur Jira de ce site de réinstaller l’app.
finish-nothing-title = Rien à terminer ici
finish-nothing = Jira ouvre cette page après votre identification sur { $service }.
jira-silent-title = Jira ne répond pas
one-moment-title = Un instant, s’il vous plaît
finish-too-many = Trop de requêtes sont arrivées en même temps.
finish-unavailable-title = Indisponible pour le moment
finish-unreachable-title = Pas de connexion réseau
finish-no-bridge-title = Jira ne répond pas à cette page
finish-no-bridge = Cette page ne fonctionne que dans Jira.
finish-failed-title = Un problème est survenu
finish-late-title = La tentative a duré trop longtemps
finish-late = Pour votre sécurité, une tentative prend fin au bout de dix minutes, ou cinq minutes après votre retour depuis { $service }.
not-allowed-title = Vous ne pouvez pas connecter ce compte
finish-wrong-person-title = Quelqu’un d’autre a lancé cette opération
finish-wrong-person = Vous utilisez Jira en tant que { $name }, mais quelqu’un d’autre a lancé cette opération. Aucun compte n’a été connecté.
finish-wrong-person-unnamed = Le compte Jira que vous utilisez n’est pas celui de la personne qui a lancé cette opération. Aucun compte n’a été connecté.
finish-wrong-person-advice = Si quelqu’un vous a fait ouvrir cette page, fermez cet onglet. Pour connecter votre propre compte, sélectionnez « Connecter » dans un ticket Jira. Si vous avez deux comptes Jira, identifiez-vous avec celui que vous utilisiez au départ, puis sélectionnez à nouveau « Connecter ».

## Ce que disent les scripts de toutes les pages dans Jira

frame-slow = Cela a pris un moment. Sélectionnez à nouveau le bouton.
frame-clock-title = Une horloge n’est pas à l’heure
frame-clock-apart = { $minutes ->
    [one] Les horloges de votre ordinateur et du serveur de l’app ont une minute d’écart. Vérifiez la date, l’heure et le fuseau horaire de votre ordinateur, puis rechargez la page. Si tout est correct, contactez le support.
   *[other] Les horloges de votre ordinateur et du serveur de l’app ont { $minutes } minutes d’écart. Vérifiez la date, l’heure et le fuseau horaire de votre ordinateur, puis rechargez la page. Si tout est correct, contactez le support.
}
frame-clock-other = D’après l’horloge du serveur de l’app, la confirmation de votre identité par Jira a expiré, et votre ordinateur est à la même heure que ce serveur. Rechargez la page. Si cela ne suffit pas, contactez le support.
frame-not-left = Rien ne s’est ouvert. Pour continuer, sélectionnez à nouveau le bouton et laissez Jira ouvrir { $host }.

## Page des administrateurs Jira

admin-loading = Vérification de votre identité dans Jira…
admin-refused-title = Cette page ne peut pas s’afficher pour le moment
admin-refused = Le serveur de l’app ou Jira ne répond pas. Réessayez dans un instant.
admin-about = Depuis un ticket, chaque personne connecte son compte Jira à son compte { $service }. { $app } conserve une clé temporaire dans le profil Jira de la personne et la renouvelle jusqu’à la fin de la connexion.
admin-start-title = Premiers pas
admin-start-connect = Ouvrez un ticket, repérez { $app } sur le côté et sélectionnez « Connecter ». Identifiez-vous sur { $service }, revenez, puis confirmez.
admin-start-decide = Choisissez ci-dessous qui peut connecter un compte. D’ici là, toute personne ayant un compte Jira sur ce site peut le faire.
admin-start-allowlist = Si ce site a une liste d’adresses IP autorisées, ajoutez-y les adresses indiquées sous « État de santé ».
admin-health-title = État de santé
admin-health-well = Opérationnel
admin-health-ill = À vérifier
admin-health-well-text = Rien n’empêche le renouvellement des clés.
admin-health-waits = Des appels sont en attente :
admin-health-disabled = L’app est désactivée sur ce site. Activez-la dans « Gérer les apps ». D’ici là, les clés ne sont pas renouvelées.
admin-health-next-try = Prochaine tentative : { $time }.
admin-site = Site
admin-door = Installée en tant que
admin-door-forge = App Forge
admin-door-connect = App Atlassian Connect
admin-writes-as = Clés enregistrées par
admin-writes-as-person = Chaque personne : Jira n’autorise pas l’utilisateur de l’app à écrire la propriété. Pour changer cela, accordez à cet utilisateur l’autorisation « Administrer Jira ».
admin-writes-as-app = L’utilisateur de l’app
admin-connections = Connexions
admin-people = { $count ->
    [one] { $count } personne
   *[other] { $count } personnes
}
admin-reconnect-count = { $count ->
    [one] { $count } compte à reconnecter
   *[other] { $count } comptes à reconnecter
}
admin-expired-count = { $count ->
    [one] { $count } clé expirée
   *[other] { $count } clés expirées
}
admin-allowlist = Adresses IP à autoriser
admin-allowlist-ask = Si ce site a une liste d’adresses IP autorisées, demandez au fournisseur de l’app quelles adresses y ajouter.
admin-links-title = Comptes connectés
admin-search = Rechercher
admin-search-hint = Nom ou ID du compte
admin-show = Afficher
admin-show-all = Tous
admin-show-connected = Connectés
admin-show-trouble = Connectés, avec un problème
admin-show-reconnect = À reconnecter
admin-links-table = Tableau des comptes connectés
admin-person = Personne
admin-account = Compte { $service }
admin-state = État
admin-since = Depuis
key-valid-until = Expiration de la clé
admin-state-connected = Connecté
admin-state-connecting = Connexion en cours
admin-state-expired = Clé expirée
admin-state-reconnect = À reconnecter
admin-links-none = Personne n’a encore connecté de compte.
admin-links-not-found = Aucun résultat.
admin-links-found = { $count ->
    [one] { $count } personne trouvée
   *[other] { $count } personnes trouvées
}
admin-links-found-more = { $count ->
    [one] { $count } personne trouvée, et d’autres
   *[other] { $count } personnes trouvées, et d’autres
}
admin-links-of = { $count ->
    [one] { $shown } sur { $count } personne
   *[other] { $shown } sur { $count } personnes
}
admin-first-page = Première page
admin-next-page = Page suivante
admin-find-left = Trouver les personnes parties
admin-end-all = Déconnecter tous les comptes
admin-close = Fermer
admin-ask-one = Déconnecter { $name } ?
admin-ended-one = Compte déconnecté : { $name }.
admin-ask-all = { $count ->
    [one] Déconnecter tous les comptes ? { $count } connexion prendra fin définitivement. La clé sera supprimée de Jira et cessera de fonctionner, et la personne devra connecter à nouveau son compte.
   *[other] Déconnecter tous les comptes ? { $count } connexions prendront fin définitivement. Les clés seront supprimées de Jira et cesseront de fonctionner, et chaque personne devra connecter à nouveau son compte.
}
admin-ending-all = { $count ->
    [one] { $count } connexion terminée, encore { $left }…
   *[other] { $count } connexions terminées, encore { $left }…
}
admin-ended-all = { $count ->
    [one] Tous les comptes ont été déconnectés : { $count } connexion.
   *[other] Tous les comptes ont été déconnectés : { $count } connexions.
}
admin-checked = { $count ->
    [one] { $count } personne vérifiée…
   *[other] { $count } personnes vérifiées…
}
admin-nobody-left = { $count ->
    [one] Personne n’est parti : { $count } personne vérifiée, dont le compte Jira est actif.
   *[other] Personne n’est parti : { $count } personnes vérifiées, dont les comptes Jira sont actifs.
}
admin-left = { $count ->
    [one] { $count } personne est partie : son compte Jira est désactivé ou n’existe plus.
   *[other] { $count } personnes sont parties : leurs comptes Jira sont désactivés ou n’existent plus.
}
admin-left-more = et { $count } de plus
admin-end-left = { $count ->
    [one] Déconnecter son compte
   *[other] Déconnecter leurs comptes
}
admin-ended-left = { $count ->
    [one] Le compte de { $count } personne partie a été déconnecté.
   *[other] Les comptes de { $count } personnes parties ont été déconnectés.
}
admin-rule-title = Qui peut connecter un compte
admin-customers = Les clients du portail Jira Service Management peuvent connecter un compte
admin-customers-note = Ils utilisent ce site par l’intermédiaire de son centre d’aide et n’ont pas de compte Jira.
admin-act-as = Les serveurs { $service } peuvent agir dans Jira au nom des personnes dont le compte est connecté
admin-act-as-note = Ils ne peuvent rien faire de plus que la personne. Chaque accès figure sous « Historique ».
admin-groups = Seulement les membres de ces groupes
admin-groups-note = Saisissez un groupe par ligne, par son nom ou son ID. Laissez le champ vide pour que tout le monde puisse connecter un compte. L’app interroge Jira à chaque tentative, et les comptes déjà connectés le restent.
admin-save = Enregistrer
admin-saved = Enregistré.
admin-events-title = Historique
admin-events-days = { $days ->
    [one] Conservé pendant { $days } jour.
   *[other] Conservé pendant { $days } jours.
}
admin-events-table = Tableau de l’historique
admin-when = Date
admin-what = Événement
admin-by = Par
admin-by-person = La personne
admin-by-admin = Un administrateur
admin-by-service = { $service }
admin-by-jira = Jira
admin-by-atlassian = Atlassian
admin-by-app = { $app }
admin-events-none = Aucun événement pour le moment.
admin-export-csv = Exporter en CSV
admin-export-lines = Exporter en JSON Lines
admin-file-saved = Fichier enregistré : { $file }.
admin-scopes-title = Ce que peut faire { $app } dans Jira, et pourquoi
admin-scopes-table = Tableau des autorisations
admin-permission = Autorisation
admin-why = Pourquoi
admin-no-issue = L’app ne lit ni tickets, ni commentaires, ni pièces jointes.
