## Botones y etiquetas comunes a varias páginas

button-continue = Continuar
button-cancel = Cancelar
button-try-again = Intentar de nuevo
button-another-account = Usar otra cuenta
button-disconnect = Desconectar
back-to-jira = Volver a Jira
back-to-issue = Volver a { $issue }
account-id = ID de cuenta
code-label = Código:
reference-label = Referencia:
your-jira-account = Tu cuenta de Jira
connected-as = Cuenta conectada: { $name }
still-connected = Tu cuenta de { $service } sigue conectada: { $name }.
nothing-connected = No se ha conectado ninguna cuenta.
nothing-connected-yet = Aún no se ha conectado ninguna cuenta. Inténtalo de nuevo en un momento.
try-again-soon = No ha funcionado. Inténtalo de nuevo en un momento.

## Panel de una incidencia

button-connect = Conectar
button-reconnect = Volver a conectar
panel-checking = Comprobando tu conexión…
panel-unreachable = No se puede acceder a { $app }
panel-offline = No tienes conexión
panel-retrying = Se reintentará automáticamente.
panel-retry-at = Próximo intento: { $time }.
panel-retry-online = Esta vista se actualizará cuando vuelvas a tener conexión.
panel-retry-reload = Se reintentará automáticamente. Si no se soluciona, recarga la incidencia.
panel-unfinished = No has terminado, así que no se ha conectado ninguna cuenta.
panel-unfinished-stays = No has terminado. La cuenta { $name } sigue conectada.
panel-unfinished-unchanged = No has terminado, así que no ha cambiado nada.
panel-cancelled = Proceso cancelado. No se ha conectado ninguna cuenta.
panel-cancelled-stays = Proceso cancelado. La cuenta { $name } sigue conectada.
panel-cancelled-unchanged = Proceso cancelado. No ha cambiado nada.
panel-left-shared = Cuenta desconectada. La clave ya no se renueva. { $service } mantiene la sesión hasta que termine la otra conexión con la misma cuenta.
panel-left-retried = Cuenta desconectada. La clave ya no se renueva. { $service } o Jira aún no ha confirmado que la última clave se haya eliminado. Se reintentará automáticamente.
panel-connect-title = Conecta tu cuenta de { $service }
panel-connect = Usa { $service } desde Jira con tu propia cuenta. { $app } mantiene una clave temporal en tu perfil de Jira y la renueva hasta que desconectes tu cuenta.
panel-connecting = Conectando…
panel-finish-in-tab = Termina en la pestaña que se ha abierto: inicia sesión en { $service }, vuelve a Jira y, por último, confirma.
panel-tab-lost = ¿Has cerrado o perdido la pestaña? Empieza de nuevo o cancela.
panel-arriving = Conectando la cuenta { $name }…
panel-arriving-text = Jira aún no tiene tu clave. Se reintentará automáticamente.
panel-purpose = Puedes usar { $service } desde Jira con tu propia cuenta.
panel-consent = Tu conexión con { $service } termina el { $date }. Vuelve a conectar tu cuenta para conservarla.
panel-account = Cuenta
panel-expired-at = Clave caducada
panel-since = La clave ha caducado: { $time }.
panel-was = Cuenta conectada antes: { $name }.
panel-switching = Conectando otra cuenta…
panel-reconnecting = Volviendo a conectar…
panel-stays = La cuenta { $name } seguirá conectada hasta que termines.
panel-switching-text = Termina en la pestaña que se ha abierto. ¿La has cerrado o perdido? Empieza de nuevo o cancela.
panel-not-installed-title = La aplicación { $app } no está bien instalada
panel-not-installed = Recarga la incidencia. Si vuelves a ver este mensaje, pide a un administrador de Jira de este sitio que reinstale { $app }.
panel-renewing = Renovando la clave…
panel-renewed = La clave se ha renovado.
panel-manage = Gestionar
panel-renew-now = Renovar ahora
panel-disconnect-ask = ¿Desconectar { $service }?
panel-details = Detalles
panel-service = Servicio
panel-renewed-at = Renovada
panel-key-number = Número de clave
panel-blocked-title = No se ha abierto ninguna pestaña nueva.
panel-blocked = Puede que tu navegador la haya bloqueado. Busca un icono en su barra de direcciones, permite las ventanas emergentes de este sitio de Jira y selecciona de nuevo el botón.
panel-ask-admin = Pregunta a un administrador de Jira de este sitio.
panel-reconnect-default = No se ha podido renovar la clave. Vuelve a conectar tu cuenta para solucionarlo.
panel-flag-reconnect = Tu conexión con { $service } requiere tu intervención. Selecciona «Volver a conectar» en esta incidencia.
panel-flag-expired = El panel de esta incidencia indica el motivo.
panel-flag-works = Tu conexión con { $service } vuelve a funcionar

## Lo que se muestra del servicio

step-one = Paso 1 de 3
step-two = Paso 2 de 3
step-three = Paso 3 de 3
link-allow-title = Qué permites en { $service }
allow-identity = Saber qué cuenta es la tuya
allow-profile = Leer tu nombre y tu foto
allow-email = Leer tu dirección de correo electrónico
allow-offline = Renovar la clave cuando no estés
allow-read = Leer lo que puedes ver allí
allow-other = Permiso { $scope }
service-help = Ayuda
service-privacy = Privacidad
contact-support = Contactar con soporte

## Página para conectar una cuenta

link-title = Conectar { $service } con Jira
link-page-title = Conectar { $service }
link-connected-as = Ya hay una cuenta de { $service } conectada: { $name }. Seguirá conectada hasta que conectes otra.
link-awaits-jira-title = Has iniciado sesión en { $service }, pero Jira aún no ha confirmado quién eres.
link-awaits-jira = Si la página de Jira sigue abierta en otra pestaña, continúa en esa pestaña. Si no, selecciona «Continuar» para iniciar sesión de nuevo.
link-for = Vas a conectar { $service } con esta cuenta de Jira
link-not-you = ¿No eres tú o no es tu sitio? Entonces, otra persona ha iniciado este proceso. Selecciona «Cancelar».
link-shared-title = Qué se compartirá
link-shared-key = En tu perfil de Jira de este sitio se guarda una clave temporal de { $service }.
link-shared-readers = Además de ti, pueden leerla allí los administradores de este sitio y las aplicaciones con permisos de administrador.
link-shared-renewed = { $app } la renueva hasta que desconectes tu cuenta.
link-shared-renewed-issue = { $app } la renueva hasta que desconectes tu cuenta. Puedes hacerlo en { $issue } o en cualquier otra incidencia.
link-log-out-title = Para conectar otra cuenta, primero cierra sesión en { $service }.
link-log-out = Abre { $service } en otra pestaña y cierra sesión allí. Después, selecciona «Continuar» aquí. Si no, { $service } usará la cuenta con la que has iniciado sesión.
link-next-choose = A continuación, { $service } te preguntará qué cuenta quieres usar. Luego volverás a Jira y, por último, aquí para confirmar.
link-next = A continuación, inicia sesión en { $service }. Luego volverás a Jira y, por último, aquí para confirmar.

## Página con las dos cuentas

both-title = ¿Conectar estas dos cuentas?
both-check = Comprueba que las dos son tuyas. No se conectará nada hasta que selecciones «Conectar cuentas».
both-connect = Conectar cuentas
both-elsewhere-title = La confirmación de Jira procede de otra red o de otro navegador.
both-elsewhere = Si no acabas de abrir Jira en otro lugar, puede que alguien esté intentando conectar tu cuenta de { $service } con su propia cuenta de Jira. Selecciona «Cancelar».
both-replaces = Ahora está conectada la cuenta { $old }, que se sustituirá por { $new }. La clave de la cuenta { $old } dejará de funcionar.
both-shared-one = Otra persona de este sitio ha conectado la misma cuenta de { $service }: { $first }. Las dos conexiones funcionarán.
both-shared-two = Otras personas de este sitio han conectado la misma cuenta de { $service }: { $first }, { $second }. Todas las conexiones funcionarán.
both-shared-three = Otras personas de este sitio han conectado la misma cuenta de { $service }: { $first }, { $second }, { $third }. Todas las conexiones funcionarán.
both-stored = { $app } guardará una clave temporal de { $service } en este perfil de Jira. Los administradores del sitio podrán leerla allí.
both-not-yours = ¿No es tu cuenta de Jira o no es tu sitio? Entonces, otra persona ha iniciado este proceso. Selecciona «Cancelar».
both-log-out = Para usar otra cuenta, primero cierra sesión en { $service } en otra pestaña. Si no, { $service } usará la cuenta con la que has iniciado sesión.
both-no-script = Permite JavaScript en esta página para conectar las cuentas. Así se garantiza que ves esta página antes de seleccionar «Conectar cuentas».

## Mientras se consulta al servicio

waiting-title = Comprobando quién eres en { $service }…
waiting-text = Para { $site }. Esta página se recarga automáticamente. No se conectará nada hasta que confirmes.

## En qué ha quedado un intento

key-expired-title = Tu clave de { $service } ha caducado
over-jira-waits = Jira aún no ha guardado la clave. Se reintentará automáticamente. La incidencia lo indicará cuando la clave esté guardada.
over-renews = { $app } renueva tu clave hasta que desconectes tu cuenta. Puedes hacerlo en cualquier incidencia.
over-renews-issue = { $app } renueva tu clave hasta que desconectes tu cuenta. Puedes hacerlo en { $issue } o en cualquier otra incidencia.
reconnect-title = Volver a conectar { $service }
over-reconnect = Abre una incidencia en Jira y selecciona «Volver a conectar».
over-disconnected-title = Has desconectado { $service }
over-disconnected = Tu cuenta se conectó aquí y después se desconectó. Para conectarla de nuevo, abre una incidencia en Jira y selecciona «Conectar».
over-cancelled-title = Proceso cancelado
over-replaced-title = Has empezado de nuevo en otra pestaña
over-replaced = Esta página es la más antigua y ya no se puede usar.
over-refused-title = Este intento se ha detenido
over-refused = La vuelta a Jira no coincidía con el inicio del intento. Por tu seguridad, el intento se ha detenido.
over-failed-title = Este intento ha terminado
over-failed = { $service } no lo ha completado, o ha durado demasiado.
over-failed-again = Para intentarlo de nuevo, abre una incidencia en Jira y selecciona «Conectar».
over-ended = Por eso ha terminado este intento.
over-disconnected-meanwhile-title = Entretanto, has desconectado tu cuenta
over-uninstalled-title = Entretanto, la aplicación se ha eliminado o se ha vuelto a instalar
over-newer = Continuar con la más reciente

## Errores: qué ha pasado, qué sigue en pie y qué hacer

button-start-again = Empezar de nuevo
error-look-again = Mostrar la página actual
error-unauthorized-title = Jira no ha confirmado quién eres
error-unauthorized = Recarga la incidencia en Jira e inténtalo de nuevo. Si vuelve a ocurrir, comprueba la fecha y la hora de tu ordenador. Si son correctas, pide a un administrador de Jira que reinstale la aplicación.
error-old-panel = Si este sitio tiene la nueva aplicación { $app }, usa su panel de la incidencia en lugar de este: todas las cuentas que estaban conectadas siguen conectadas allí. Si no, recarga la incidencia y comprueba la fecha y la hora de tu ordenador. Si vuelve a ocurrir, pide a un administrador de Jira que revise la aplicación.
error-wrong-caller-title = Esta dirección no acepta esta llamada
error-wrong-caller = Acepta otro tipo de llamadas: las de la página de una persona o las de Forge.
error-setting-up-title = La aplicación se está configurando para este sitio
error-setting-up = Tras una instalación, tarda unos minutos y, como máximo, una hora. Inténtalo de nuevo pasado ese tiempo.
error-not-served-title = La aplicación no da servicio a este sitio
error-not-served = Esta instalación de la aplicación se ha sustituido, o el proveedor de la aplicación no da servicio a este sitio de Jira. Pide a un administrador de Jira que revise la aplicación o contacta con soporte.
error-not-admin-title = Solo los administradores de Jira pueden usar esta página
error-not-admin = Según Jira, no tienes el permiso global «Administrar Jira» en este sitio. Si lo tienes, pide a otro administrador que compruebe si la aplicación puede leer los permisos.
error-wrong-person-title = Otra persona ha iniciado esta conexión
error-wrong-person = Otra persona ha empezado a conectar una cuenta. No se ha conectado ninguna. Para conectar la tuya, abre una incidencia y selecciona «Conectar».
error-wrong-person-name = Has iniciado sesión en Jira como { $name }, pero es otra persona quien ha empezado a conectar una cuenta. No se ha conectado ninguna. Para conectar la tuya, abre una incidencia y selecciona «Conectar».
error-wrong-browser-title = Esta página no corresponde a este navegador
error-wrong-browser = Se abrió en otro navegador o hace más de una hora, o tu navegador bloquea las cookies de este sitio. No se ha conectado ninguna cuenta. Si bloqueas las cookies, permítelas aquí. Después, abre la incidencia en Jira y selecciona de nuevo «Conectar».
error-denied-title = No has permitido el acceso
error-denied = No has permitido el acceso en { $service }, así que no se ha conectado ninguna cuenta. Si ha sido un error, abre la incidencia en Jira y selecciona de nuevo «Conectar».
error-cross-site-title = Esta solicitud procede de otro sitio
error-cross-site = No se ha cambiado nada. Abre la incidencia en Jira y selecciona allí «Conectar».
error-attempt-over-title = Este intento de conexión ha terminado
error-attempt-over = Se completó, se canceló, se empezó de nuevo en otro lugar o duró demasiado. Si tu cuenta no aparece como conectada en la incidencia de Jira, selecciona allí de nuevo «Conectar».
error-timed-out-title = El intento ha durado demasiado
error-timed-out = Por tu seguridad, un intento de conexión termina a los diez minutos, o cinco minutos después de que vuelvas del servicio. Este intento no ha conectado ninguna cuenta. Si tu cuenta no aparece como conectada en la incidencia de Jira, selecciona allí «Conectar» y termina sin hacer pausas largas.
error-code-expired-title = Ha pasado demasiado tiempo
error-code-expired = { $service } solo espera un poco tras el inicio de sesión, y ese tiempo ya ha pasado. No se ha conectado ninguna cuenta. Empieza de nuevo y continúa en cuanto vuelvas a Jira.
error-out-of-date-title = Esta página no está actualizada
error-out-of-date = Algo ha cambiado desde que se mostró esta página, así que tu clic no ha conectado nada. Consulta la página actual.
error-ahead-title = Esta página no se carga por adelantado
error-ahead = Ábrela directamente.
error-not-linked-title = No hay ninguna cuenta conectada
error-not-linked = No hay ninguna clave. Primero, selecciona «Conectar».
error-bad-request-title = No se ha podido entender la solicitud
error-rule-customers = El proveedor de la aplicación no permite que los clientes del portal conecten cuentas.
error-rule-long-group = Un grupo tiene 255 caracteres como máximo, en una sola línea.
error-rule-many-groups = Puedes elegir hasta 50 grupos.
error-not-found-title = Esta página no existe
error-not-found = Vuelve a Jira y abre la incidencia en la que estabas.
error-method-title = Esta dirección no se puede usar así
error-too-large-title = La solicitud es demasiado grande
error-too-large = Puede ocupar 64 KiB como máximo.
error-too-slow-title = La solicitud ha tardado demasiado
error-too-slow = No ha llegado a tiempo. Inténtalo de nuevo.
error-too-many-title = Demasiadas solicitudes
error-too-many = Espera un momento e inténtalo de nuevo.
error-crowded-title = Hay demasiadas solicitudes en espera
error-crowded = No se ha cambiado nada. Espera un momento e inténtalo de nuevo.
error-service-refused-title = { $service } no ha podido completar la solicitud
error-service-refused = { $service } no ha aceptado la solicitud. No se ha conectado ninguna cuenta. Para intentarlo de nuevo, selecciona «Conectar» en la incidencia.
error-scope-refused-title = { $service } no permite todo lo que pide la aplicación
error-scope-refused = { $service } ha rechazado uno de los permisos que pide la aplicación, así que no se ha conectado ninguna cuenta. Puede que tu organización en { $service } no lo permita o que la aplicación pida demasiado. Intentarlo de nuevo no sirve de nada: contacta con soporte e indica el código de abajo.
error-app-refused-title = { $service } no acepta esta aplicación
error-app-refused = { $service } rechaza la propia aplicación, para todo el mundo. No se ha conectado ninguna cuenta. Intentarlo de nuevo no sirve de nada hasta que se solucione: contacta con soporte e indica el código de abajo.
error-key-too-large-title = La clave es demasiado grande para Jira
error-key-too-large = La clave de { $service } ocupa { $size } bytes en Jira, que admite { $most }. No se ha conectado ninguna cuenta y la clave se ha revocado. Intentarlo de nuevo no sirve de nada: contacta con soporte e indica el código de abajo.
error-service-unreachable-title = No se puede acceder a { $service }
error-service-unreachable = { $service } no responde en este momento. Inténtalo de nuevo dentro de un minuto.
error-jira-unreachable-title = No se puede acceder a Jira
error-jira-unreachable = Jira no responde en este momento. Inténtalo de nuevo dentro de un minuto.
error-ip-allowlist-title = Este sitio de Jira bloquea la aplicación
error-ip-allowlist = Una lista de IP permitidas protege este sitio y no incluye la dirección del servidor de la aplicación. No se ha cambiado nada. Pide a un administrador de tu organización de Atlassian que añada la dirección. El proveedor de la aplicación la conoce.
error-jira-busy-title = Jira pide a la aplicación que espere
error-jira-busy = { $minutes ->
    [one] Jira limita la frecuencia de las llamadas de las aplicaciones. No se ha perdido nada, y las cuentas conectadas siguen conectadas. Inténtalo de nuevo dentro de un minuto.
   *[other] Jira limita la frecuencia de las llamadas de las aplicaciones. No se ha perdido nada, y las cuentas conectadas siguen conectadas. Inténtalo de nuevo dentro de { $minutes } minutos.
}
error-unavailable-title = No disponible en este momento
error-unavailable = No se ha perdido nada. Inténtalo de nuevo dentro de un minuto.
error-not-ready-title = Aún no está listo
error-internal-title = Se ha producido un error
error-internal = Hemos registrado lo que ha pasado. Inténtalo de nuevo. Si vuelve a ocurrir, contacta con soporte.
error-unknown-caller-title = No autorizado
error-unknown-caller = Envía el valor de LATCHKEY_SERVICE_SECRET como contraseña de HTTP Basic o como token Bearer.

## Quién no puede conectar cuentas

refused-anonymous-title = Primero, inicia sesión en Jira
refused-anonymous = Jira muestra esta incidencia también a los visitantes. Inicia sesión en Jira, recarga la incidencia y después conecta tu cuenta.
refused-anonymous-admin = Nadie había iniciado sesión en Jira.
refused-customer-title = Los clientes del portal no pueden conectar cuentas
refused-customer = Usas este sitio como cliente de su centro de ayuda. Solo las personas con una cuenta de Jira pueden conectar { $service }. Pide una cuenta a un administrador de Jira.
refused-customer-admin = Los clientes del portal no pueden conectar cuentas en este sitio.
refused-app-title = Las aplicaciones no pueden conectar cuentas
refused-app = Esta es la cuenta de una aplicación. Inicia sesión en Jira con la cuenta de una persona.
refused-app-admin = Es la cuenta de una aplicación.
refused-unknown-title = No puedes conectar esta cuenta
refused-unknown = Jira no indica qué tipo de cuenta es. Pregunta a un administrador de Jira.
refused-unknown-admin = Jira no indica qué tipo de cuenta es.
refused-deactivated-title = Esta cuenta está desactivada
refused-deactivated = Según Jira, esta cuenta no está activa. Pregunta a un administrador de Jira.
refused-deactivated-admin = La cuenta está desactivada.
refused-group-title = Tu administrador aún no te permite conectar una cuenta
refused-group = Los administradores de este sitio de Jira solo permiten que los miembros de determinados grupos conecten { $service }. Pide a un administrador de Jira que te añada a uno de ellos.
refused-group-admin = La persona no pertenece a ninguno de los grupos que pueden conectar cuentas.

## Por qué no hay una clave válida, para la persona

trouble-service-away = { $service } no responde, así que no se ha podido renovar la clave. Se reintentará automáticamente.
trouble-service-waits = { $service } ha pedido a la aplicación que espere antes de renovar la clave. Se reintentará automáticamente.
trouble-refused = { $service } se niega a renovar la clave y no dice por qué. Se reintentará automáticamente. Si sigue negándose, se te pedirá que vuelvas a conectar tu cuenta.
trouble-app-refused = { $service } rechaza la aplicación, así que no se podrán renovar las claves hasta que se solucione. Se reintentará automáticamente.
trouble-no-key = { $service } no ha proporcionado una clave nueva. Se reintentará automáticamente.
trouble-jira-away = Jira aún no ha guardado la clave nueva. Se reintentará automáticamente.
trouble-unknown = La clave aún no se ha renovado. Se reintentará automáticamente.
reconnect-revoked = { $service } ya no acepta esta conexión: se canceló allí o ha caducado.
reconnect-rotation-lost = Se perdió una respuesta de { $service } mientras se renovaba la clave, y { $service } no la repite.
reconnect-no-refresh-token = La clave ha caducado y { $service } no permite renovarla.
reconnect-consent-ended = { $service } te vuelve a pedir tu consentimiento de vez en cuando, y el plazo ha vencido. No hay ningún problema.
reconnect-restored = Esta conexión se ha restaurado a partir de una copia de seguridad anterior a su última clave. No has hecho nada mal, y no se ha cancelado nada en { $service }.
reconnect-keeps-refusing = La clave ha caducado y, desde entonces, { $service } ha rechazado cada renovación sin decir por qué.
aside-sealed = Los datos guardados de esta conexión ya no se pueden leer.
aside-no-outcome = Aún no se ha podido renovar la clave de { $service }. Se reintentará automáticamente.
aside-jira-refuses = Jira no permite que la aplicación guarde la clave. Un administrador de Jira puede comprobar los permisos de la aplicación.
aside-site-not-allowed = El proveedor de la aplicación para { $service } no da servicio a este sitio.
aside-too-large = La clave más reciente de { $service } es demasiado grande para Jira. Volver a conectar tu cuenta no sirve de nada: contacta con soporte.
aside-too-large-size = La clave más reciente de { $service } es demasiado grande para Jira: ocupa { $size } bytes, y Jira acepta { $most }. Volver a conectar tu cuenta no sirve de nada: contacta con soporte.
park-unauthorized = Jira no acepta la aplicación en este momento. Se reintentará automáticamente. Si continúa así, un administrador de Jira puede reinstalar la aplicación.
park-quota = Jira no acepta más cambios de la aplicación durante esta hora. La clave se guardará en cuanto vuelva a aceptarlos.
park-asked = Jira ha pedido a la aplicación que espere. La clave se guardará lo antes posible.
park-ip-allowlist = La lista de IP permitidas de este sitio de Jira bloquea la aplicación. Pide a un administrador de tu organización de Atlassian que añada la dirección de la aplicación. Entonces se guardará la clave.
park-not-jira = Este sitio de Jira no responde a la aplicación en este momento. La clave se guardará en cuanto responda.
park-no-system-token = Hace un tiempo que Jira no da acceso a la aplicación. La clave se guardará en cuanto vuelva a dárselo, normalmente en menos de una hora.
disconnect-key-ends = La clave se elimina de tu perfil de Jira y deja de funcionar.
disconnect-key-stays = La clave se elimina de tu perfil de Jira y no se vuelve a renovar. Es posible que una copia siga funcionando hasta que caduque.
disconnect-shared-others = La conexión de otra persona usa la misma cuenta de { $service }, y cerrar la sesión pondría fin a las dos. Por eso, { $service } mantiene la sesión hasta que termine también la otra conexión.
disconnect-shared-oneself = Tu conexión en otro sitio de Jira usa la misma cuenta de { $service }, y cerrar la sesión pondría fin a las dos. Por eso, { $service } mantiene la sesión hasta que termine también la otra conexión.

## Lo mismo, para los administradores de un sitio

reconnect-revoked-admin = { $service } ha puesto fin a la conexión. La persona puede volver a conectar su cuenta. Si les ocurre a muchas personas, pregunta a tu administrador en { $service } si allí se ha bloqueado la aplicación.
reconnect-rotation-lost-admin = Un fallo de red ha puesto fin a la conexión. La persona puede volver a conectar su cuenta.
reconnect-no-refresh-token-admin = { $service } no permite renovar las claves de esta persona. La persona puede volver a conectar su cuenta, cada vez por el tiempo que dura una clave.
reconnect-consent-ended-admin = { $service } vuelve a pedir de vez en cuando el consentimiento de cada persona. Esta persona recibió un aviso previo y puede volver a conectar su cuenta.
reconnect-restored-admin = Los datos de la aplicación se han restaurado a partir de una copia de seguridad anterior a la última clave de esta conexión. La persona puede volver a conectar su cuenta.
reconnect-keeps-refusing-admin = La clave de esta persona ha caducado y, desde entonces, { $service } se niega a renovarla. La persona puede volver a conectar su cuenta. Si les ocurre a muchas personas, contacta con el proveedor de la aplicación.
aside-sealed-admin = Los datos guardados de esta conexión ya no se pueden leer. La persona puede volver a conectar su cuenta.
aside-no-outcome-admin = La renovación de la clave de { $service } se ha interrumpido tres veces seguidas. Se reintentará automáticamente. No tienes que hacer nada.
aside-jira-refuses-admin = Jira no permite que la aplicación escriba la propiedad de usuario de esta persona. Concede al usuario de la aplicación el permiso global «Administrar Jira», o permite que la aplicación actúe en nombre de los usuarios. Las renovaciones se reanudarán automáticamente en un plazo de 15 minutos.
aside-site-not-allowed-admin = La aplicación para { $service } no da servicio a la dirección de este sitio. Contacta con el proveedor de la aplicación. Las renovaciones se reanudarán automáticamente en cuanto le dé servicio.
aside-too-large-admin = Las claves que { $service } da a esta persona superan el tamaño que permiten las propiedades de usuario de Jira. Contacta con el proveedor de la aplicación. Aquí no puedes cambiarlo.
park-unauthorized-admin = Jira rechaza los tokens de la aplicación. Si la aplicación sigue instalada, reinstálala: recibirá un secreto nuevo y las renovaciones se reanudarán.
park-global-quota-admin = La aplicación ha agotado su cuota por hora de llamadas a Jira para todos los sitios. Las llamadas se reanudarán automáticamente al empezar la próxima hora.
park-tenant-quota-admin = La aplicación ha agotado su cuota por hora de llamadas a Jira para este sitio. Las llamadas se reanudarán automáticamente.
park-burst-admin = Las aplicaciones han llamado a este sitio demasiadas veces en poco tiempo. Las llamadas se reanudarán automáticamente.
park-asked-admin = Este sitio ha pedido a la aplicación que espere. Las llamadas se reanudarán automáticamente.
park-ip-allowlist-admin = La lista de IP permitidas de este sitio bloquea la aplicación. Un administrador de la organización de Atlassian debe añadir la dirección del servidor de la aplicación. El proveedor de la aplicación la conoce. Después, las llamadas se reanudarán automáticamente en menos de un minuto.
park-not-jira-admin = La aplicación no llega a Jira en la dirección de este sitio: allí responde otra página u otro servidor. No se ha desconectado ninguna cuenta. Las llamadas se reanudarán automáticamente en los dos minutos siguientes a la vuelta de Jira. Si el sitio tiene una dirección nueva, actualiza la aplicación en Jira para que la conozca.
park-no-system-token-admin = Hace horas que Atlassian no llama al servidor de la aplicación, así que la aplicación no puede guardar nada en este sitio. Las llamadas se reanudarán automáticamente con la próxima llamada horaria. Si no es así, contacta con el proveedor de la aplicación.

## Qué ha pasado en un sitio, para sus administradores

event-connected = Cuenta de { $service } conectada.
event-disconnected = Cuenta desconectada.
event-disconnected-admin = Cuenta desconectada por un administrador.
event-disconnected-jira = Cuenta desconectada: según Jira, la cuenta de Jira está desactivada o ya no existe.
event-disconnected-atlassian = Cuenta desconectada: Atlassian ha cerrado la cuenta de Atlassian de la persona.
event-disconnected-service = Cuenta desconectada por { $service }.
event-finished-by-another = Otra persona volvió de { $service } con el intento de esta persona, o la vuelta se hizo desde otro navegador. No se ha conectado ninguna cuenta.
event-refused = No se ha podido conectar la cuenta. { $why }
event-moved-from-connect = El sitio ha pasado de Atlassian Connect a Forge con todas las conexiones.
event-moved = Una nueva instalación de la aplicación se ha hecho cargo de todas las conexiones.
event-acting = Un servidor de { $service } puede actuar en Jira en nombre de esta persona ({ $scope }).
event-decided = Ajuste cambiado: quién puede conectar cuentas. { $what }
rule-customers-allowed = Los clientes del portal pueden conectar cuentas.
rule-customers-denied = Los clientes del portal no pueden conectar cuentas.
rule-every-group = Los miembros de cualquier grupo pueden conectar cuentas.
rule-groups = Solo los miembros de estos grupos pueden conectar cuentas: { $groups }.
rule-acting-denied = Los servidores de { $service } no pueden actuar en Jira en nombre de las personas.

## Por qué la aplicación tiene sus permisos

scope-read = Para leer el nombre de una persona, saber si su cuenta está activa y, si eliges grupos, a qué grupos pertenece, y comprobar si quien abre esta página es administrador de Jira.
scope-write = Para guardar la clave en una propiedad de usuario de cada persona con una cuenta conectada.
scope-delete = Para eliminar esa propiedad de usuario cuando termina una conexión.
scope-act-as-user = Para escribir esa propiedad en nombre de la persona cuando Jira no permite que lo haga la propia aplicación, por ejemplo, porque se le ha retirado el permiso de administrador.
scope-read-jira-user = Para leer el nombre de una persona y su clave, y saber si su cuenta está activa y, si eliges grupos, a qué grupos pertenece.
scope-read-jira-work = Para preguntar a Jira si quien abre esta página es administrador de Jira. La propia aplicación no lee incidencias.
scope-write-jira-work = Para guardar la clave en una propiedad de usuario de cada persona con una cuenta conectada, y para eliminarla. Atlassian no ofrece un permiso más limitado para ello. La propia aplicación no modifica incidencias.
scope-read-app-system-token = Para llamar a Jira como aplicación cuando nadie está viendo una incidencia.
scope-report-personal-data = Para preguntar a Atlassian cuáles de las cuentas guardadas se han cerrado y borrar esas cuentas.

## Página final, en Jira

finish-proving-title = Comprobando quién eres…
finish-proving = { $app } pregunta a Jira quién ha iniciado sesión aquí.
finish-proved-title = Has vuelto a Jira
finish-signed-in = Has iniciado sesión en Jira como
finish-next = A continuación, verás esta cuenta junto a la cuenta con la que has iniciado sesión en { $service }. No se conectará nada hasta que selecciones allí «Conectar cuentas».
finish-start-again = Vuelve a Jira y selecciona de nuevo «Conectar».
finish-look = Mira la incidencia: si indica «Cuenta conectada», ya has terminado. Si no, selecciona de nuevo «Conectar».
finish-over-title = Este intento ha terminado
finish-over = Se completó, se canceló o duró demasiado.
finish-unauthorized-title = Jira no ha podido confirmar quién eres
finish-unauthorized = Recarga esta página. Si vuelves a ver este mensaje, pide a un administrador de Jira de este sitio que reinstale la aplicación.
finish-nothing-title = Aquí no hay nada que terminar
finish-nothing = Jira abre esta página después de que inicies sesión en { $service }.
jira-silent-title = Jira no responde
one-moment-title = Un momento, por favor
finish-too-many = Han llegado demasiadas solicitudes a la vez.
finish-unavailable-title = No disponible en este momento
finish-unreachable-title = Sin conexión
finish-no-bridge-title = Jira no responde a esta página
finish-no-bridge = Esta página solo funciona dentro de Jira.
finish-failed-title = Se ha producido un error
finish-late-title = El intento ha durado demasiado
finish-late = Por tu seguridad, un intento termina a los diez minutos, o cinco minutos después de que vuelvas de { $service }.
not-allowed-title = No puedes conectar esta cuenta
finish-wrong-person-title = Otra persona ha iniciado este proceso
finish-wrong-person = Has iniciado sesión en Jira como { $name }, pero es otra persona quien ha iniciado este proceso. No se ha conectado ninguna cuenta.
finish-wrong-person-unnamed = La cuenta de Jira con la que has iniciado sesión no es la de la persona que ha iniciado este proceso. No se ha conectado ninguna cuenta.
finish-wrong-person-advice = Si alguien te ha enviado aquí, cierra esta pestaña. Para conectar tu propia cuenta, selecciona «Conectar» en una incidencia de Jira. Si tienes dos cuentas de Jira, inicia sesión con la que usaste al empezar y selecciona de nuevo «Conectar».

## Qué dicen los scripts de todas las páginas dentro de Jira

frame-slow = Ha tardado un momento. Selecciona de nuevo el botón.
frame-clock-title = Hay un reloj que no está en hora
frame-clock-apart = { $minutes ->
    [one] Entre el reloj de tu ordenador y el del servidor de la aplicación hay un minuto de diferencia. Comprueba la fecha, la hora y la zona horaria de tu ordenador y recarga la página. Si son correctas, contacta con soporte.
   *[other] Entre el reloj de tu ordenador y el del servidor de la aplicación hay { $minutes } minutos de diferencia. Comprueba la fecha, la hora y la zona horaria de tu ordenador y recarga la página. Si son correctas, contacta con soporte.
}
frame-clock-other = Según el reloj del servidor de la aplicación, la confirmación de Jira sobre quién eres ya ha caducado, y tu ordenador tiene la misma hora que ese servidor. Recarga la página. Si no se soluciona, contacta con soporte.
frame-not-left = No se ha abierto nada. Para continuar, selecciona de nuevo el botón y permite que Jira abra { $host }.

## Página para administradores de Jira

admin-loading = Comprobando quién eres en Jira…
admin-refused-title = Esta página no se puede mostrar en este momento
admin-refused = El servidor de la aplicación o Jira no responde. Inténtalo de nuevo en un momento.
admin-about = Cada persona conecta, desde una incidencia, su cuenta de Jira con su cuenta de { $service }. { $app } mantiene una clave temporal en el perfil de Jira de la persona y la renueva hasta que termina la conexión.
admin-start-title = Primeros pasos
admin-start-connect = Abre cualquier incidencia, busca { $app } en un lateral y selecciona «Conectar». Inicia sesión en { $service }, vuelve y confirma.
admin-start-decide = Elige más abajo quién puede conectar cuentas. Hasta entonces, puede hacerlo cualquiera que tenga una cuenta de Jira en este sitio.
admin-start-allowlist = Si este sitio tiene una lista de IP permitidas, añade las direcciones que aparecen en «Funcionamiento».
admin-health-title = Funcionamiento
admin-health-well = Correcto
admin-health-ill = Requiere atención
admin-health-well-text = Nada impide que se renueven las claves.
admin-health-waits = Hay llamadas en espera:
admin-health-disabled = La aplicación está deshabilitada en este sitio. Habilítala en «Gestionar aplicaciones». Hasta entonces, las claves no se renuevan.
admin-health-next-try = Próximo intento: { $time }.
admin-site = Sitio
admin-door = Instalada como
admin-door-forge = Aplicación de Forge
admin-door-connect = Aplicación de Atlassian Connect
admin-writes-as = Las claves las guarda
admin-writes-as-person = Cada persona: Jira no permite que el usuario de la aplicación escriba la propiedad. Para cambiarlo, concede a ese usuario el permiso «Administrar Jira».
admin-writes-as-app = El usuario de la aplicación
admin-connections = Conexiones
admin-people = { $count ->
    [one] { $count } persona
   *[other] { $count } personas
}
admin-reconnect-count = { $count ->
    [one] { $count } debe volver a conectar
   *[other] { $count } deben volver a conectar
}
admin-expired-count = { $count ->
    [one] { $count } clave caducada
   *[other] { $count } claves caducadas
}
admin-allowlist = Lista de IP permitidas
admin-allowlist-ask = Si este sitio tiene una, pregunta al proveedor de la aplicación qué direcciones hay que añadir.
admin-links-title = Cuentas conectadas
admin-search = Buscar
admin-search-hint = Nombre o ID de cuenta
admin-show = Mostrar
admin-show-all = Todas
admin-show-connected = Conectadas
admin-show-trouble = Conectadas, con un problema
admin-show-reconnect = Hay que volver a conectar
admin-links-table = Tabla de cuentas conectadas
admin-person = Persona
admin-account = Cuenta de { $service }
admin-state = Estado
admin-since = Desde
key-valid-until = Clave válida hasta
admin-state-connected = Conectada
admin-state-connecting = Conectando
admin-state-expired = Clave caducada
admin-state-reconnect = Hay que volver a conectar
admin-links-none = Nadie ha conectado todavía una cuenta.
admin-links-not-found = No hay resultados.
admin-links-found = { $count ->
    [one] { $count } persona encontrada
   *[other] { $count } personas encontradas
}
admin-links-found-more = { $count ->
    [one] { $count } persona encontrada, y hay más
   *[other] { $count } personas encontradas, y hay más
}
admin-links-of = { $count ->
    [one] { $shown } de { $count } persona
   *[other] { $shown } de { $count } personas
}
admin-first-page = Primera página
admin-next-page = Página siguiente
admin-find-left = Buscar personas que se han ido
admin-end-all = Desconectar todas las cuentas
admin-close = Cerrar
admin-ask-one = ¿Desconectar la cuenta de { $name }?
admin-ended-one = Se ha desconectado la cuenta de { $name }.
admin-ask-all = { $count ->
    [one] ¿Desconectar todas las cuentas? { $count } conexión terminará definitivamente. La clave se eliminará de Jira y dejará de funcionar, y la persona tendrá que conectar su cuenta de nuevo.
   *[other] ¿Desconectar todas las cuentas? { $count } conexiones terminarán definitivamente. Las claves se eliminarán de Jira y dejarán de funcionar, y cada persona tendrá que conectar su cuenta de nuevo.
}
admin-ending-all = { $count ->
    [one] { $count } conexión terminada; pendientes: { $left }…
   *[other] { $count } conexiones terminadas; pendientes: { $left }…
}
admin-ended-all = { $count ->
    [one] Se han desconectado todas las cuentas: { $count } conexión.
   *[other] Se han desconectado todas las cuentas: { $count } conexiones.
}
admin-checked = { $count ->
    [one] { $count } persona comprobada…
   *[other] { $count } personas comprobadas…
}
admin-nobody-left = { $count ->
    [one] Nadie se ha ido: { $count } persona comprobada, con la cuenta de Jira activa.
   *[other] Nadie se ha ido: { $count } personas comprobadas, con las cuentas de Jira activas.
}
admin-left = { $count ->
    [one] { $count } persona se ha ido: su cuenta de Jira está desactivada o ya no existe.
   *[other] { $count } personas se han ido: sus cuentas de Jira están desactivadas o ya no existen.
}
admin-left-more = y { $count } más
admin-end-left = { $count ->
    [one] Desconectar su cuenta
   *[other] Desconectar sus cuentas
}
admin-ended-left = { $count ->
    [one] Se ha desconectado la cuenta de { $count } persona que se había ido.
   *[other] Se han desconectado las cuentas de { $count } personas que se habían ido.
}
admin-rule-title = Quién puede conectar cuentas
admin-customers = Los clientes del portal de Jira Service Management pueden conectar cuentas
admin-customers-note = Usan este sitio a través de su centro de ayuda y no tienen una cuenta de Jira propia.
admin-act-as = Los servidores de { $service } pueden actuar en Jira en nombre de las personas con una cuenta conectada
admin-act-as-note = No pueden hacer más que la propia persona. Cada acceso aparece en «Historial».
admin-groups = Solo los miembros de estos grupos
admin-groups-note = Escribe un grupo por línea, por su nombre o su ID. Deja el campo vacío para que cualquiera pueda conectar cuentas. La aplicación pregunta a Jira en cada intento, y las cuentas ya conectadas siguen conectadas.
admin-save = Guardar
admin-saved = Guardado.
admin-events-title = Historial
admin-events-days = { $days ->
    [one] Se conserva durante { $days } día.
   *[other] Se conserva durante { $days } días.
}
admin-events-table = Tabla del historial
admin-when = Fecha
admin-what = Evento
admin-by = Por
admin-by-person = La persona
admin-by-admin = Un administrador
admin-by-service = { $service }
admin-by-jira = Jira
admin-by-atlassian = Atlassian
admin-by-app = { $app }
admin-events-none = Todavía no hay ningún evento.
admin-export-csv = Exportar CSV
admin-export-lines = Exportar JSON Lines
admin-file-saved = Se ha guardado { $file }.
admin-scopes-title = Qué puede hacer { $app } en Jira y por qué
admin-scopes-table = Tabla de permisos
admin-permission = Permiso
admin-why = Por qué
admin-no-issue = La aplicación no lee incidencias, comentarios ni archivos adjuntos.
