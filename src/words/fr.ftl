## Boutons et libellés de plusieurs pages

button-continue = Continuer
button-cancel = Annuler
button-try-again = Réessayer
button-another-account = Utiliser un autre compte
button-disconnect = Déconnecter
back-to-jira = Retour à Jira
back-to-issue = Retour à { $issue }
account-id = ID du compte
code-label = Code :
reference-label = Référence :
your-jira-account = Votre compte Jira
connected-as = Connecté en tant que { $name }
still-connected = Vous êtes toujours connecté à { $service } en tant que { $name }.
nothing-connected = Rien n'a été connecté.
nothing-connected-yet = Rien n'a encore été connecté. Réessayez dans un instant.
try-again-soon = Cela n'a pas fonctionné. Réessayez dans un instant.

## Panneau dans un ticket

button-connect = Connecter
button-reconnect = Reconnecter
panel-checking = Vérification de votre connexion…
panel-unreachable = { $app } est injoignable
panel-offline = Vous êtes hors ligne
panel-retrying = Nouvelle tentative automatique.
panel-retry-at = Nouvelle tentative à { $time }.
panel-retry-online = Cela se met à jour dès que vous êtes de nouveau en ligne.
panel-retry-reload = Nouvelle tentative automatique. Si cela ne suffit pas, rechargez le ticket.
panel-unfinished = Vous n'avez pas terminé la connexion. Rien n'a donc été connecté.
panel-unfinished-stays = Vous n'avez pas terminé la connexion. { $name } reste connecté.
panel-unfinished-unchanged = Vous n'avez pas terminé la connexion. Rien n'a donc changé.
panel-cancelled = Opération annulée. Rien n'a été connecté.
panel-cancelled-stays = Opération annulée. { $name } reste connecté.
panel-cancelled-unchanged = Opération annulée. Rien n'a changé.
panel-left-shared = Déconnecté. La clé n'est plus renouvelée. { $service } conserve la session jusqu'à la fin de l'autre connexion au même compte.
panel-left-retried = Déconnecté. La clé n'est plus renouvelée. { $service } ou Jira n'a pas encore confirmé la suppression de la dernière clé. Nouvelle tentative automatique.
panel-connect-title = Connectez votre compte { $service }
panel-connect = Utilisez { $service } dans Jira avec votre propre compte. { $app } conserve une clé temporaire dans votre profil Jira et la renouvelle jusqu'à ce que vous vous déconnectiez.
panel-connecting = Connexion en cours…
panel-finish-in-tab = Terminez dans l'onglet qui s'est ouvert : identifiez-vous auprès de { $service }, revenez à Jira, puis confirmez.
panel-tab-lost = Vous avez fermé ou perdu l'onglet ? Recommencez ou annulez.
panel-arriving = Connexion de { $name }…
panel-arriving-text = Jira n'a pas encore votre clé. Nouvelle tentative automatique.
panel-purpose = Vous pouvez utiliser { $service } dans Jira avec votre propre compte.
panel-consent = Votre connexion à { $service } prend fin le { $date }. Reconnectez-vous pour la conserver.
panel-account = Compte
panel-expired-at = Expirée
panel-since = La clé a expiré : { $time }.
panel-was = Dernière connexion en tant que { $name }.
panel-switching = Connexion d'un autre compte…
panel-reconnecting = Reconnexion…
panel-stays = { $name } reste connecté jusqu'à ce que vous ayez terminé.
panel-switching-text = Terminez dans l'onglet qui s'est ouvert. Vous l'avez fermé ou perdu ? Recommencez ou annulez.
panel-not-installed-title = { $app } n'est pas installée correctement
panel-not-installed = Rechargez le ticket. Si vous voyez à nouveau ce message, demandez à un administrateur Jira de ce site de réinstaller { $app }.
panel-renewing = Renouvellement de la clé…
panel-renewed = La clé a été renouvelée.
panel-manage = Gérer
panel-renew-now = Renouveler maintenant
panel-disconnect-ask = Déconnecter { $service } ?
panel-details = Détails
panel-service = Service
panel-renewed-at = Renouvelée
panel-key-number = Numéro de clé
panel-blocked-title = Aucun nouvel onglet ne s'est ouvert.
panel-blocked = Votre navigateur l'a peut-être bloqué. Cherchez un symbole dans la barre d'adresse, autorisez les fenêtres contextuelles pour ce site Jira et sélectionnez à nouveau le bouton.
panel-ask-admin = Adressez-vous à un administrateur Jira de ce site.
panel-reconnect-default = La clé n'a pas pu être renouvelée. Reconnectez-vous pour corriger cela.
panel-flag-reconnect = Votre connexion à { $service } a besoin de vous. Sélectionnez « Reconnecter » dans ce ticket.
panel-flag-expired = Le panneau de ce ticket en indique la raison.
panel-flag-works = Votre connexion à { $service } fonctionne à nouveau

## Page de connexion

link-title = Connecter { $service } à Jira
link-page-title = Connecter { $service }
link-connected-as = Vous êtes connecté à { $service } en tant que { $name }. Cela ne change pas tant que vous n'avez pas connecté un autre compte.
link-awaits-jira-title = Vous vous êtes connecté à { $service }, mais Jira n'a pas encore confirmé votre identité.
link-awaits-jira = Si la page Jira est encore ouverte dans un autre onglet, poursuivez là-bas. Sinon, sélectionnez « Continuer » pour vous identifier à nouveau.
link-for = Vous effectuez la connexion pour ce compte Jira
link-not-you = Ce n'est pas vous, ou pas votre site ? Quelqu'un d'autre a lancé cette opération. Sélectionnez « Annuler ».
link-shared-title = Ce qui sera partagé
link-shared-key = Une clé temporaire pour { $service } est enregistrée dans votre profil Jira sur ce site.
link-shared-readers = Vous, les administrateurs de ce site et les apps disposant d'autorisations d'administration pouvez la lire.
link-shared-renewed = { $app } la renouvelle jusqu'à ce que vous vous déconnectiez.
link-shared-renewed-issue = { $app } la renouvelle jusqu'à ce que vous vous déconnectiez, ce que vous pouvez faire dans { $issue } ou dans tout autre ticket.
link-log-out-title = Pour connecter un autre compte, fermez d'abord votre session { $service }.
link-log-out = Ouvrez { $service } dans un autre onglet et fermez-y votre session. Sélectionnez ensuite « Continuer » ici. Sinon, { $service } utilise le compte actuellement ouvert.
link-next-choose = { $service } vous demande ensuite quel compte utiliser. Vous revenez alors à Jira, puis ici pour confirmer.
link-next = Identifiez-vous ensuite auprès de { $service }. Vous revenez alors à Jira, puis ici pour confirmer.

## Page présentant les deux comptes

both-title = Connecter ces deux comptes ?
both-check = Vérifiez que les deux vous appartiennent. Rien n'est connecté tant que vous n'avez pas sélectionné « Connecter les comptes ».
both-connect = Connecter les comptes
both-elsewhere-title = Jira a confirmé cette opération depuis un autre réseau ou navigateur.
both-elsewhere = Si vous ne venez pas d'ouvrir Jira ailleurs, quelqu'un essaie peut-être de connecter votre compte { $service } au sien. Sélectionnez « Annuler ».
both-replaces = { $old } est actuellement connecté et sera remplacé par { $new }. La clé de { $old } cessera de fonctionner.
both-shared-one = Sur ce site, { $first } est aussi connecté au même compte. Les deux connexions fonctionneront.
both-shared-two = Sur ce site, { $first } et { $second } sont aussi connectés au même compte. Toutes les connexions fonctionneront.
both-shared-three = Sur ce site, { $first }, { $second } et { $third } sont aussi connectés au même compte. Toutes les connexions fonctionneront.
both-stored = { $app } enregistrera une clé temporaire pour { $service } dans ce profil Jira. Les administrateurs du site peuvent l'y lire.
both-not-yours = Ce n'est pas votre compte Jira, ou pas votre site ? Quelqu'un d'autre a lancé cette opération. Sélectionnez « Annuler ».
both-log-out = Pour utiliser un autre compte, fermez d'abord votre session { $service } dans un autre onglet. Sinon, { $service } utilise le compte actuellement ouvert.
both-no-script = Autorisez JavaScript sur cette page pour vous connecter. Cela garantit que vous voyez cette page avant de sélectionner « Connecter les comptes ».

## Pendant l'interrogation du service

waiting-title = Nous demandons à { $service } qui vous êtes…
waiting-text = Pour { $site }. Cette page se recharge automatiquement. Rien n'est connecté tant que vous n'avez pas confirmé.

## Ce qu'est devenue une tentative

key-expired-title = Votre clé { $service } a expiré
over-jira-waits = Jira n'a pas encore enregistré la clé. Nouvelle tentative automatique. Le ticket l'indiquera dès qu'elle sera là.
over-renews = { $app } renouvelle votre clé jusqu'à ce que vous vous déconnectiez, ce que vous pouvez faire dans n'importe quel ticket.
over-renews-issue = { $app } renouvelle votre clé jusqu'à ce que vous vous déconnectiez, ce que vous pouvez faire dans { $issue } ou dans tout autre ticket.
reconnect-title = Reconnecter { $service }
over-reconnect = Ouvrez un ticket dans Jira et sélectionnez « Reconnecter ».
over-disconnected-title = Vous avez déconnecté { $service }
over-disconnected = Votre compte a été connecté ici, puis déconnecté. Pour le connecter à nouveau, ouvrez un ticket dans Jira et sélectionnez « Connecter ».
over-cancelled-title = Opération annulée
over-replaced-title = Vous avez recommencé dans un autre onglet
over-replaced = Cette page est la plus ancienne et ne peut plus être utilisée.
over-refused-title = Cette tentative a été arrêtée
over-refused = Elle n'est pas revenue à Jira telle qu'elle avait commencé. Elle a donc été arrêtée pour votre sécurité.
over-failed-title = Cette tentative est terminée
over-failed = { $service } ne l'a pas menée à bien, ou elle a pris trop de temps.
over-failed-again = Pour réessayer, ouvrez un ticket dans Jira et sélectionnez « Connecter ».
over-ended = Cela a mis fin à cette tentative.
over-disconnected-meanwhile-title = Vous vous êtes déconnecté entre-temps
over-uninstalled-title = L'app a été supprimée ou réinstallée entre-temps
over-newer = Continuer avec la plus récente

## Erreurs

button-start-again = Recommencer
error-look-again = Afficher la page actuelle
error-unauthorized-title = Jira n'a pas confirmé votre identité
error-unauthorized = Rechargez le ticket dans Jira et réessayez. Si cela se reproduit, vérifiez la date et l'heure de votre ordinateur. Si elles sont correctes, demandez à un administrateur Jira de réinstaller l'app.
error-old-panel = Si la nouvelle app { $app } est installée sur ce site, utilisez son panneau dans le ticket plutôt que celui-ci : toutes les personnes connectées le sont toujours. Sinon, rechargez le ticket et vérifiez la date et l'heure de votre ordinateur. Si cela se reproduit, demandez à un administrateur Jira de vérifier l'app.
error-wrong-caller-title = Cette adresse n'accepte pas cet appel
error-wrong-caller = Elle accepte des appels d'un autre type : ceux de la page d'une personne, ou de Forge.
error-setting-up-title = L'app est en cours de configuration pour ce site
error-setting-up = Cela prend quelques minutes après une installation, une heure au plus. Réessayez ensuite.
error-not-served-title = L'app ne dessert pas ce site
error-not-served = Cette installation de l'app a été remplacée, ou le fournisseur de l'app ne dessert pas ce site Jira. Demandez à un administrateur Jira de vérifier l'app, ou contactez le support.
error-not-admin-title = Seuls les administrateurs Jira peuvent utiliser cette page
error-not-admin = D'après Jira, vous n'avez pas l'autorisation globale « Administrer Jira » sur ce site. Si vous l'avez, demandez à un autre administrateur de vérifier que l'app est autorisée à lire les autorisations.
error-wrong-person-title = Quelqu'un d'autre a lancé cette connexion
error-wrong-person = Quelqu'un d'autre a commencé à se connecter. Rien n'a été connecté. Pour connecter votre propre compte, ouvrez un ticket et sélectionnez « Connecter ».
error-wrong-person-name = Vous êtes identifié dans Jira en tant que { $name }, et quelqu'un d'autre a commencé à se connecter. Rien n'a été connecté. Pour connecter votre propre compte, ouvrez un ticket et sélectionnez « Connecter ».
error-wrong-browser-title = Cette page n'appartient pas à ce navigateur
error-wrong-browser = Elle a été ouverte dans un autre navigateur ou il y a plus d'une heure, ou votre navigateur bloque les cookies de ce site. Rien n'a été connecté. Autorisez les cookies ici si vous les bloquez, puis ouvrez le ticket dans Jira et sélectionnez à nouveau « Connecter ».
error-denied-title = Vous n'avez pas autorisé l'accès
error-denied = Vous n'avez pas autorisé l'accès dans { $service }. Rien n'a donc été connecté. Si c'était une erreur, ouvrez le ticket dans Jira et sélectionnez à nouveau « Connecter ».
error-cross-site-title = Cette requête provient d'un autre site
error-cross-site = Rien n'a été modifié. Ouvrez le ticket dans Jira et sélectionnez-y « Connecter ».
error-attempt-over-title = Cette tentative de connexion est terminée
error-attempt-over = Elle a été menée à bien, annulée ou recommencée ailleurs, ou elle a pris trop de temps. Si le ticket dans Jira ne vous indique pas comme connecté, sélectionnez-y à nouveau « Connecter ».
error-timed-out-title = Cela a pris trop de temps
error-timed-out = Pour votre sécurité, une tentative de connexion se termine au bout de dix minutes, et de cinq une fois que vous êtes revenu du service. Cette tentative n'a rien connecté. Si le ticket dans Jira ne vous indique pas comme connecté, sélectionnez-y « Connecter » et terminez sans longue pause.
error-code-expired-title = Cela a pris trop de temps
error-code-expired = { $service } ne garde une identification en attente que peu de temps, et ce délai est écoulé. Rien n'a été connecté. Recommencez, et continuez dès que vous êtes de retour dans Jira.
error-out-of-date-title = Cette page est obsolète
error-out-of-date = Quelque chose a changé depuis l'affichage de cette page. Votre clic n'a donc rien connecté. Consultez la page actuelle.
error-ahead-title = Cette page ne se charge pas à l'avance
error-ahead = Ouvrez-la vous-même.
error-not-linked-title = Aucun compte n'est connecté
error-not-linked = Il n'y a pas de clé. Sélectionnez d'abord « Connecter ».
error-bad-request-title = La requête n'a pas pu être comprise
error-rule-customers = Le fournisseur de l'app n'autorise pas les clients du portail à se connecter.
error-rule-long-group = Un groupe compte 255 caractères au plus, sur une seule ligne.
error-rule-many-groups = Vous pouvez choisir jusqu'à 50 groupes.
error-not-found-title = Cette page n'existe pas
error-not-found = Revenez à Jira et ouvrez le ticket d'où vous venez.
error-method-title = Cette adresse ne peut pas être utilisée ainsi
error-too-large-title = La requête est trop volumineuse
error-too-large = Elle peut faire 64 Kio au plus.
error-too-slow-title = La requête a pris trop de temps
error-too-slow = Elle n'est pas arrivée à temps. Réessayez.
error-too-many-title = Trop de requêtes
error-too-many = Patientez un instant et réessayez.
error-crowded-title = Trop de requêtes sont en attente
error-crowded = Rien n'a été modifié. Patientez un instant et réessayez.
error-service-refused-title = { $service } n'a pas pu traiter la demande
error-service-refused = { $service } n'a pas accepté la demande. Rien n'a été connecté. Pour réessayer, sélectionnez « Connecter » dans le ticket.
error-scope-refused-title = { $service } n'autorise pas ce que l'app demande
error-scope-refused = { $service } a refusé l'une des autorisations demandées par l'app. Rien n'a donc été connecté. Votre organisation chez { $service } ne l'autorise peut-être pas, ou l'app en demande trop. Réessayer ne sert à rien : contactez le support en indiquant le code ci-dessous.
error-app-refused-title = { $service } n'accepte pas cette app
error-app-refused = { $service } refuse l'app elle-même, pour tout le monde. Rien n'a été connecté. Réessayer ne sert à rien tant que ce n'est pas corrigé : contactez le support en indiquant le code ci-dessous.
error-key-too-large-title = La clé est trop volumineuse pour Jira
error-key-too-large = La clé de { $service } nécessite { $size } octets dans Jira, et Jira en accepte { $most }. Rien n'a été connecté, et la clé est révoquée. Réessayer ne sert à rien : contactez le support en indiquant le code ci-dessous.
error-service-unreachable-title = { $service } est injoignable
error-service-unreachable = { $service } ne répond pas pour le moment. Réessayez dans une minute.
error-jira-unreachable-title = Jira est injoignable
error-jira-unreachable = Jira ne répond pas pour le moment. Réessayez dans une minute.
error-ip-allowlist-title = Ce site Jira bloque l'app
error-ip-allowlist = Une liste d'autorisation d'adresses IP protège ce site, et l'adresse du serveur de l'app n'y figure pas. Rien n'a été modifié. Demandez à un administrateur de votre organisation Atlassian d'ajouter cette adresse. Le fournisseur de l'app la connaît.
error-jira-busy-title = Jira demande à l'app de patienter
error-jira-busy = { $minutes ->
    [one] Jira limite la fréquence des appels des apps. Rien n'est perdu, et ce qui est connecté le reste. Réessayez dans une minute.
   *[other] Jira limite la fréquence des appels des apps. Rien n'est perdu, et ce qui est connecté le reste. Réessayez dans { $minutes } minutes.
}
error-unavailable-title = Indisponible pour le moment
error-unavailable = Rien n'est perdu. Réessayez dans une minute.
error-not-ready-title = Pas prêt
error-internal-title = Un problème est survenu
error-internal = Nous avons enregistré ce qui s'est passé. Réessayez. Si cela se reproduit, contactez le support.
error-unknown-caller-title = Non autorisé
error-unknown-caller = Envoyez la valeur de LATCHKEY_INTROSPECTION_SECRET comme mot de passe HTTP Basic ou comme jeton Bearer.

## Qui ne peut pas se connecter

refused-anonymous-title = Identifiez-vous d'abord dans Jira
refused-anonymous = Jira montre ce ticket aux visiteurs. Identifiez-vous dans Jira, rechargez le ticket, puis connectez votre compte.
refused-anonymous-admin = Personne n'était identifié dans Jira.
refused-customer-title = Les clients du portail ne peuvent pas se connecter
refused-customer = Vous utilisez ce site en tant que client de son centre d'aide. Seules les personnes disposant d'un compte Jira peuvent connecter { $service }. Demandez un compte à un administrateur Jira.
refused-customer-admin = Les clients du portail ne peuvent pas se connecter sur ce site.
refused-app-title = Les apps ne peuvent pas se connecter
refused-app = Il s'agit du compte d'une app. Identifiez-vous dans Jira en tant que personne.
refused-app-admin = Il s'agit du compte d'une app.
refused-unknown-title = Vous ne pouvez pas connecter ce compte
refused-unknown = Jira n'indique pas le type de ce compte. Adressez-vous à un administrateur Jira.
refused-unknown-admin = Jira n'indique pas le type de ce compte.
refused-deactivated-title = Ce compte est désactivé
refused-deactivated = D'après Jira, ce compte n'est pas actif. Adressez-vous à un administrateur Jira.
refused-deactivated-admin = Le compte est désactivé.
refused-group-title = Votre administrateur ne vous autorise pas encore à vous connecter
refused-group = Les administrateurs de ce site Jira n'autorisent que les membres de certains groupes à connecter { $service }. Demandez à un administrateur Jira de vous ajouter à l'un d'eux.
refused-group-admin = La personne n'appartient à aucun des groupes dont les membres peuvent se connecter.

## Pourquoi il n'y a pas de clé valide, pour la personne

trouble-service-away = { $service } ne répond pas. La clé n'a donc pas pu être renouvelée. Nouvelle tentative automatique.
trouble-service-waits = { $service } a demandé à l'app d'attendre avant de renouveler la clé. Nouvelle tentative automatique.
trouble-refused = { $service } refuse de renouveler la clé sans dire pourquoi. Nouvelle tentative automatique. Si le refus persiste, vous serez invité à vous reconnecter.
trouble-app-refused = { $service } refuse l'app. Les clés ne peuvent donc pas être renouvelées tant que ce n'est pas corrigé. Nouvelle tentative automatique.
trouble-no-key = { $service } n'a pas fourni de nouvelle clé. Nouvelle tentative automatique.
trouble-jira-away = Jira n'a pas encore enregistré la nouvelle clé. Nouvelle tentative automatique.
trouble-unknown = La clé n'a pas encore été renouvelée. Nouvelle tentative automatique.
reconnect-revoked = { $service } n'accepte plus cette connexion. On y a mis fin là-bas, ou elle a expiré.
reconnect-rotation-lost = Une réponse de { $service } s'est perdue pendant le renouvellement de la clé, et { $service } ne la répète pas.
reconnect-no-refresh-token = La clé a expiré, et { $service } n'autorise pas son renouvellement.
reconnect-consent-ended = { $service } demande de temps en temps si vous êtes toujours d'accord, et ce délai est écoulé. Il n'y a pas d'erreur.
reconnect-restored = Cette connexion a été restaurée à partir d'une sauvegarde plus ancienne que sa dernière clé. Vous n'avez rien fait de mal, et rien n'a été interrompu chez { $service }.
reconnect-keeps-refusing = La clé a expiré, et { $service } a refusé chaque renouvellement depuis, sans dire pourquoi.
aside-sealed = Les données enregistrées de cette connexion ne peuvent plus être lues.
aside-no-outcome = La clé de { $service } n'a pas encore pu être renouvelée. Nouvelle tentative automatique.
aside-jira-refuses = Jira n'autorise pas l'app à enregistrer la clé. Un administrateur Jira peut vérifier les autorisations de l'app.
aside-site-not-allowed = Le fournisseur de l'app pour { $service } ne dessert pas ce site.
aside-too-large = La dernière clé de { $service } est trop volumineuse pour Jira. Se reconnecter ne sert à rien : contactez le support.
aside-too-large-size = La dernière clé de { $service } nécessite { $size } octets dans Jira, et Jira en accepte { $most }. Se reconnecter ne sert à rien : contactez le support.
park-unauthorized = Jira n'accepte pas l'app pour le moment. Nouvelle tentative automatique. Si cela continue, un administrateur Jira peut réinstaller l'app.
park-quota = Jira n'accepte plus de modifications de l'app pendant cette heure. La clé suivra dès que ce sera possible.
park-asked = Jira a demandé à l'app de patienter. La clé suivra dès que possible.
park-ip-allowlist = La liste d'autorisation d'adresses IP de ce site Jira bloque l'app. Demandez à un administrateur de votre organisation Atlassian d'ajouter l'adresse de l'app. La clé suivra ensuite.
park-not-jira = Ce site Jira ne répond pas à l'app pour le moment. La clé suivra dès qu'il le fera.
park-no-system-token = Jira n'a pas laissé entrer l'app depuis un moment. La clé suivra dès qu'il le fera, en général dans l'heure.
disconnect-key-ends = La clé est supprimée de votre profil Jira et cesse de fonctionner.
disconnect-key-stays = La clé est supprimée de votre profil Jira et n'est plus renouvelée. Une copie peut fonctionner jusqu'à son expiration.
disconnect-shared-others = La connexion d'une autre personne utilise le même compte { $service }, et fermer la session mettrait fin aux deux. { $service } conserve donc la session jusqu'à la fin de cette connexion.
disconnect-shared-oneself = Votre connexion sur un autre site Jira utilise le même compte { $service }, et fermer la session mettrait fin aux deux. { $service } conserve donc la session jusqu'à la fin de cette connexion.

## La même chose pour les administrateurs d'un site

reconnect-revoked-admin = { $service } a mis fin à la connexion. La personne peut se reconnecter. Si cela arrive à beaucoup de personnes, demandez à votre administrateur { $service } si l'app y a été bloquée.
reconnect-rotation-lost-admin = Une panne de réseau a mis fin à la connexion. La personne peut se reconnecter.
reconnect-no-refresh-token-admin = { $service } n'autorise pas le renouvellement des clés de cette personne. Elle peut se reconnecter pour la durée d'une clé.
reconnect-consent-ended-admin = { $service } demande de temps en temps aux personnes si elles sont toujours d'accord. La personne a été prévenue et peut se reconnecter.
reconnect-restored-admin = Les données de l'app ont été restaurées à partir d'une sauvegarde plus ancienne que la dernière clé de cette connexion. La personne peut se reconnecter.
reconnect-keeps-refusing-admin = { $service } refuse de renouveler la clé de cette personne depuis son expiration. La personne peut se reconnecter. Si cela arrive à beaucoup de personnes, contactez le fournisseur de l'app.
aside-sealed-admin = Les données enregistrées de cette connexion ne peuvent plus être lues. La personne peut se reconnecter.
aside-no-outcome-admin = Le renouvellement de la clé de { $service } a été interrompu trois fois de suite. Nouvelle tentative automatique. Vous n'avez rien à faire.
aside-jira-refuses-admin = Jira n'autorise pas l'app à écrire la propriété utilisateur de cette personne. Donnez à l'utilisateur de l'app l'autorisation globale « Administrer Jira », ou autorisez l'app à agir au nom des utilisateurs. Les renouvellements reprennent automatiquement dans les 15 minutes.
aside-site-not-allowed-admin = L'app pour { $service } ne dessert pas l'adresse de ce site. Contactez le fournisseur de l'app. Les renouvellements reprennent automatiquement dès qu'elle le fait.
aside-too-large-admin = Les clés que { $service } donne à cette personne dépassent ce que permettent les propriétés utilisateur de Jira. Contactez le fournisseur de l'app. Vous ne pouvez pas changer cela ici.
park-unauthorized-admin = Jira refuse les jetons de l'app. Si l'app est encore installée, réinstallez-la : elle reçoit un nouveau secret, et les renouvellements reprennent.
park-global-quota-admin = L'app a utilisé son quota horaire d'appels à Jira pour tous les sites. Les appels reprennent automatiquement à l'heure pleine.
park-tenant-quota-admin = L'app a utilisé son quota horaire d'appels à Jira pour ce site. Les appels reprennent automatiquement.
park-burst-admin = Des apps ont appelé ce site trop souvent en peu de temps. Les appels reprennent automatiquement.
park-asked-admin = Ce site a demandé à l'app de patienter. Les appels reprennent automatiquement.
park-ip-allowlist-admin = La liste d'autorisation d'adresses IP de ce site bloque l'app. Un administrateur de l'organisation Atlassian doit ajouter l'adresse du serveur de l'app. Le fournisseur de l'app la connaît. Les appels reprennent automatiquement dans la minute.
park-not-jira-admin = L'app n'atteint pas Jira à l'adresse de ce site : une autre page ou un autre serveur y répond. Personne n'a été déconnecté. Les appels reprennent automatiquement dans les deux minutes après le retour de Jira. Si le site a une nouvelle adresse, mettez l'app à jour dans Jira pour qu'elle la connaisse.
park-no-system-token-admin = Atlassian n'a pas appelé le serveur de l'app depuis quelques heures. L'app ne peut donc pas écrire sur ce site. Les appels reprennent automatiquement avec le prochain appel horaire. Sinon, contactez le fournisseur de l'app.

## Ce qui s'est passé sur un site, pour ses administrateurs

event-connected = A connecté un compte { $service }.
event-disconnected = S'est déconnecté.
event-disconnected-admin = Déconnecté par un administrateur.
event-disconnected-jira = Déconnecté : d'après Jira, le compte est désactivé ou n'existe plus.
event-disconnected-atlassian = Déconnecté : Atlassian a fermé le compte.
event-disconnected-service = Déconnecté par { $service }.
event-finished-by-another = Quelqu'un d'autre est revenu de { $service } avec ce que cette personne avait commencé, ou depuis un autre navigateur. Rien n'a été connecté.
event-refused = N'a pas pu se connecter. { $why }
event-moved-from-connect = Le site est passé d'Atlassian Connect à Forge avec toutes ses connexions.
event-moved = Une nouvelle installation de l'app a repris toutes les connexions.
event-decided = A modifié qui peut se connecter. { $what }
rule-customers-allowed = Les clients du portail peuvent se connecter.
rule-customers-denied = Les clients du portail ne peuvent pas se connecter.
rule-every-group = Les membres de tous les groupes peuvent se connecter.
rule-groups = Seuls les membres de ces groupes peuvent se connecter : { $groups }.

## Pourquoi l'app a ses autorisations

scope-read = Pour lire le nom d'une personne, savoir si son compte est actif, à quels groupes elle appartient si vous choisissez des groupes, et si quelqu'un qui ouvre cette page est administrateur Jira.
scope-write = Pour enregistrer la clé dans une propriété utilisateur de chaque personne connectée.
scope-delete = Pour supprimer cette propriété utilisateur à la fin d'une connexion.
scope-act-as-user = Pour écrire cette propriété au nom de la personne lorsque Jira ne l'autorise pas à l'app elle-même, par exemple parce que son autorisation d'administration a été retirée.
scope-read-jira-user = Pour lire le nom d'une personne, savoir si son compte est actif, lire sa clé et savoir à quels groupes elle appartient si vous choisissez des groupes.
scope-read-jira-work = Pour demander à Jira si quelqu'un qui ouvre cette page est administrateur Jira. L'app ne lit aucun ticket.
scope-write-jira-work = Pour enregistrer la clé dans une propriété utilisateur de chaque personne connectée, et pour la supprimer. Atlassian n'a pas de portée plus restreinte pour cela. L'app n'écrit aucun ticket.
scope-read-app-system-token = Pour appeler Jira en tant qu'app quand personne ne consulte de ticket.
scope-report-personal-data = Pour demander à Atlassian lesquels des comptes enregistrés ont été fermés, et pour les effacer.

## Page de retour, dans Jira

finish-proving-title = Vérification de votre identité…
finish-proving = { $app } demande à Jira qui est identifié ici.
finish-proved-title = Vous êtes de retour dans Jira
finish-signed-in = Vous êtes identifié dans Jira en tant que
finish-next = Vous verrez ensuite ce compte à côté de celui avec lequel vous vous êtes identifié auprès de { $service }. Rien n'est connecté tant que vous n'y avez pas sélectionné « Connecter les comptes ».
finish-start-again = Revenez à Jira et sélectionnez à nouveau « Connecter ».
finish-look = Consultez le ticket : s'il indique « Connecté », c'est terminé. Sinon, sélectionnez à nouveau « Connecter ».
finish-over-title = Cette tentative est terminée
finish-over = Elle a été menée à bien ou annulée, ou elle a pris trop de temps.
finish-unauthorized-title = Jira n'a pas pu confirmer votre identité
finish-unauthorized = Rechargez cette page. Si vous voyez à nouveau ce message, demandez à un administrateur Jira de ce site de réinstaller l'app.
finish-nothing-title = Rien à terminer ici
finish-nothing = Jira ouvre cette page après votre identification auprès de { $service }.
jira-silent-title = Jira ne répond pas
one-moment-title = Un instant, s'il vous plaît
finish-too-many = Il y a eu trop de requêtes à la fois.
finish-unavailable-title = Indisponible pour le moment
finish-unreachable-title = Pas de connexion réseau
finish-no-bridge-title = Jira ne répond pas à cette page
finish-no-bridge = Cette page ne fonctionne que dans Jira.
finish-failed-title = Un problème est survenu
finish-late-title = Cela a pris trop de temps
finish-late = Pour votre sécurité, une tentative se termine au bout de dix minutes, et de cinq une fois que vous êtes revenu de { $service }.
not-allowed-title = Vous ne pouvez pas connecter ce compte
finish-wrong-person-title = Quelqu'un d'autre a lancé cette opération
finish-wrong-person = Vous êtes identifié dans Jira en tant que { $name }, mais quelqu'un d'autre a lancé cette opération. Rien n'a été connecté.
finish-wrong-person-unnamed = Vous êtes identifié dans Jira sous une autre identité que celle qui a lancé cette opération. Rien n'a été connecté.
finish-wrong-person-advice = Si quelqu'un vous a envoyé ici, fermez cet onglet. Pour connecter votre propre compte, sélectionnez « Connecter » dans un ticket Jira. Si vous avez deux comptes Jira, identifiez-vous avec celui du début, puis sélectionnez à nouveau « Connecter ».

## Ce que disent les scripts de toutes les pages dans Jira

frame-slow = Cela a pris un moment. Sélectionnez à nouveau le bouton.
frame-clock-title = Une horloge n'est pas à l'heure
frame-clock-apart = { $minutes ->
    [one] Les horloges de votre ordinateur et du serveur de l'app ont une minute d'écart. Vérifiez la date, l'heure et le fuseau horaire de votre ordinateur, puis rechargez la page. S'ils sont corrects, contactez le support.
   *[other] Les horloges de votre ordinateur et du serveur de l'app ont { $minutes } minutes d'écart. Vérifiez la date, l'heure et le fuseau horaire de votre ordinateur, puis rechargez la page. S'ils sont corrects, contactez le support.
}
frame-clock-other = D'après l'horloge du serveur de l'app, la confirmation de votre identité par Jira est périmée, et votre ordinateur est à la même heure. Rechargez la page. Si cela ne suffit pas, contactez le support.
frame-not-left = Rien n'a été ouvert. Pour continuer, sélectionnez à nouveau le bouton et laissez Jira ouvrir { $host }.

## Page des administrateurs Jira

admin-loading = Nous demandons à Jira qui vous êtes…
admin-refused-title = Cette page ne peut pas être affichée pour le moment
admin-refused = Le serveur de l'app ou Jira ne répond pas. Réessayez dans un instant.
admin-about = Les personnes connectent leur compte Jira à leur compte { $service } dans un ticket. { $app } conserve une clé temporaire dans leur profil Jira et la renouvelle jusqu'à la fin de la connexion.
admin-start-title = Premiers pas
admin-start-connect = Ouvrez un ticket, trouvez { $app } sur le côté et sélectionnez « Connecter ». Identifiez-vous auprès de { $service }, revenez et confirmez.
admin-start-decide = Choisissez ci-dessous qui peut se connecter. D'ici là, toute personne ayant un compte Jira ici le peut.
admin-start-allowlist = Si ce site a une liste d'autorisation d'adresses IP, ajoutez-y les adresses indiquées sous « État ».
admin-health-title = État
admin-health-well = Fonctionne
admin-health-ill = Attention requise
admin-health-well-text = Rien n'empêche le renouvellement des clés.
admin-health-waits = Des appels sont en attente :
admin-health-disabled = L'app est désactivée sur ce site. Activez-la dans « Gérer les apps ». D'ici là, les clés ne sont pas renouvelées.
admin-health-next-try = Prochaine tentative : { $time }.
admin-site = Site
admin-door = Installée en tant que
admin-door-forge = App Forge
admin-door-connect = App Atlassian Connect
admin-writes-as = Clés enregistrées par
admin-writes-as-person = Chaque personne : Jira n'autorise pas l'utilisateur de l'app à écrire la propriété. Pour changer cela, donnez à cet utilisateur l'autorisation « Administrer Jira ».
admin-writes-as-app = L'utilisateur de l'app
admin-connections = Connexions
admin-people = { $count ->
    [one] { $count } personne
   *[other] { $count } personnes
}
admin-reconnect-count = { $count ->
    [one] { $count } doit se reconnecter
   *[other] { $count } doivent se reconnecter
}
admin-expired-count = { $count ->
    [one] { $count } clé a expiré
   *[other] { $count } clés ont expiré
}
admin-allowlist = Liste d'autorisation IP
admin-allowlist-ask = Si ce site en a une, demandez au fournisseur de l'app quelles adresses ajouter.
admin-links-title = Qui est connecté
admin-search = Rechercher
admin-search-hint = Nom ou ID du compte
admin-show = Afficher
admin-show-all = Tout le monde
admin-show-connected = Connectés
admin-show-trouble = Connectés, avec un problème
admin-show-reconnect = À reconnecter
admin-links-table = Tableau des personnes connectées
admin-person = Personne
admin-account = Compte { $service }
admin-state = État
admin-since = Depuis
key-valid-until = Clé valable jusqu'au
admin-state-connected = Connecté
admin-state-connecting = Connexion en cours
admin-state-expired = Clé expirée
admin-state-reconnect = À reconnecter
admin-links-none = Personne ne s'est encore connecté.
admin-links-not-found = Aucun résultat.
admin-links-found = { $count ->
    [one] { $count } personne trouvée
   *[other] { $count } personnes trouvées
}
admin-links-found-more = { $count ->
    [one] { $count } personne trouvée, et d'autres
   *[other] { $count } personnes trouvées, et d'autres
}
admin-links-of = { $count ->
    [one] { $shown } sur { $count } personne
   *[other] { $shown } sur { $count } personnes
}
admin-first-page = Première page
admin-next-page = Page suivante
admin-find-left = Trouver les personnes parties
admin-end-all = Déconnecter tout le monde
admin-close = Fermer
admin-ask-one = Déconnecter { $name } ?
admin-ended-one = { $name } a été déconnecté.
admin-ask-all = { $count ->
    [one] Déconnecter tout le monde ? { $count } connexion prend fin définitivement. La clé est supprimée de Jira et cesse de fonctionner, et la personne doit se connecter à nouveau.
   *[other] Déconnecter tout le monde ? { $count } connexions prennent fin définitivement. Les clés sont supprimées de Jira et cessent de fonctionner, et chaque personne doit se connecter à nouveau.
}
admin-ending-all = { $count ->
    [one] { $count } connexion terminée, { $left } restantes…
   *[other] { $count } connexions terminées, { $left } restantes…
}
admin-ended-all = { $count ->
    [one] Tout le monde a été déconnecté : { $count } connexion.
   *[other] Tout le monde a été déconnecté : { $count } connexions.
}
admin-checked = { $count ->
    [one] { $count } personne vérifiée…
   *[other] { $count } personnes vérifiées…
}
admin-nobody-left = { $count ->
    [one] Personne n'est parti : Jira connaît cette { $count } personne, et son compte est actif.
   *[other] Personne n'est parti : Jira connaît les { $count } personnes, et leurs comptes sont actifs.
}
admin-left = { $count ->
    [one] { $count } personne est partie : le compte Jira est désactivé ou n'existe plus.
   *[other] { $count } personnes sont parties : leurs comptes Jira sont désactivés ou n'existent plus.
}
admin-left-more = et { $count } de plus
admin-end-left = { $count ->
    [one] Déconnecter cette personne
   *[other] Déconnecter ces personnes
}
admin-ended-left = { $count ->
    [one] { $count } personne partie a été déconnectée.
   *[other] { $count } personnes parties ont été déconnectées.
}
admin-rule-title = Qui peut se connecter
admin-customers = Les clients du portail Jira Service Management peuvent se connecter
admin-customers-note = Ils utilisent ce site par son centre d'aide et n'ont pas de compte Jira.
admin-groups = Seulement les membres de ces groupes
admin-groups-note = Saisissez un groupe par ligne, par son nom ou son ID. Laissez vide pour que tout le monde puisse se connecter. L'app interroge Jira à chaque tentative, et les personnes déjà connectées le restent.
admin-save = Enregistrer
admin-saved = Enregistré.
admin-events-title = Ce qui s'est passé
admin-events-days = { $days ->
    [one] Conservé pendant { $days } jour.
   *[other] Conservé pendant { $days } jours.
}
admin-events-table = Tableau des événements
admin-when = Quand
admin-what = Quoi
admin-by = Par
admin-by-person = La personne
admin-by-admin = Un administrateur
admin-by-service = { $service }
admin-by-jira = Jira
admin-by-atlassian = Atlassian
admin-by-app = { $app }
admin-events-none = Rien ne s'est encore passé.
admin-export-csv = Exporter en CSV
admin-export-lines = Exporter en lignes JSON
admin-file-saved = { $file } a été enregistré.
admin-scopes-title = Ce que { $app } peut faire dans Jira, et pourquoi
admin-scopes-table = Tableau des autorisations
admin-permission = Autorisation
admin-why = Pourquoi
admin-no-issue = L'app ne lit aucun ticket, commentaire ni pièce jointe.
