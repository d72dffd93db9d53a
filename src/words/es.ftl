## Botones y etiquetas de varias páginas

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
connected-as = Conectado como { $name }
still-connected = Sigues conectado a { $service } como { $name }.
nothing-connected = No se ha conectado nada.
nothing-connected-yet = Aún no se ha conectado nada. Inténtalo de nuevo en un momento.
try-again-soon = No ha funcionado. Inténtalo de nuevo en un momento.

## Panel de una incidencia

button-connect = Conectar
button-reconnect = Volver a conectar
panel-checking = Comprobando tu conexión…
panel-unreachable = No se puede acceder a { $app }
panel-offline = No tienes conexión
panel-retrying = Se reintenta automáticamente.
panel-retry-at = Se reintenta a las { $time }.
panel-retry-online = Se actualizará cuando vuelvas a tener conexión.
panel-retry-reload = Se reintenta automáticamente. Si no sirve, recarga la incidencia.
panel-unfinished = No has terminado de conectar, así que no se ha conectado nada.
panel-unfinished-stays = No has terminado de conectar. La cuenta { $name } sigue conectada.
panel-unfinished-unchanged = No has terminado de conectar, así que no ha cambiado nada.
panel-cancelled = Cancelado. No se ha conectado nada.
panel-cancelled-stays = Cancelado. La cuenta { $name } sigue conectada.
panel-cancelled-unchanged = Cancelado. No ha cambiado nada.
panel-left-shared = Desconectado. La clave ya no se renueva. { $service } mantiene la sesión hasta que termine la otra conexión con la misma cuenta.
panel-left-retried = Desconectado. La clave ya no se renueva. { $service } o Jira aún no ha confirmado que la última clave se haya eliminado. Se reintenta automáticamente.
panel-connect-title = Conecta tu cuenta de { $service }
panel-connect = Usa { $service } en Jira con tu propia cuenta. { $app } mantiene en tu perfil de Jira una clave que caduca y la renueva hasta que te desconectes.
panel-connecting = Conectando…
panel-finish-in-tab = Termina en la pestaña que se ha abierto: inicia sesión en { $service }, vuelve a Jira y confirma.
panel-tab-lost = ¿Has cerrado o perdido la pestaña? Empieza de nuevo o cancela.
panel-arriving = Conectando { $name }…
panel-arriving-text = Jira aún no tiene tu clave. Se reintenta automáticamente.
panel-purpose = Puedes usar { $service } en Jira con tu propia cuenta.
panel-consent = Tu conexión con { $service } termina el { $date }. Vuelve a conectar para conservarla.
panel-account = Cuenta
panel-expired-at = Caducada
panel-since = La clave ha caducado: { $time }.
panel-was = Última conexión como { $name }.
panel-switching = Conectando otra cuenta…
panel-reconnecting = Volviendo a conectar…
panel-stays = La cuenta { $name } sigue conectada hasta que termines.
panel-switching-text = Termina en la pestaña que se ha abierto. ¿La has cerrado o perdido? Empieza de nuevo o cancela.
panel-not-installed-title = { $app } no está bien instalada
panel-not-installed = Recarga la incidencia. Si vuelves a ver esto, pide a un administrador de Jira de este sitio que reinstale { $app }.
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
panel-blocked = Puede que tu navegador la haya bloqueado. Busca un icono en la barra de direcciones, permite las ventanas emergentes de este sitio de Jira y selecciona el botón de nuevo.
panel-ask-admin = Pregunta a un administrador de Jira de este sitio.
panel-reconnect-default = No se ha podido renovar la clave. Vuelve a conectar para solucionarlo.
panel-flag-reconnect = Tu conexión con { $service } te necesita. Selecciona «Volver a conectar» en esta incidencia.
panel-flag-expired = El panel de esta incidencia indica el motivo.
panel-flag-works = Tu conexión con { $service } vuelve a funcionar

## Página de conexión

link-title = Conectar { $service } con Jira
link-page-title = Conectar { $service }
link-connected-as = Estás conectado a { $service } como { $name }. Seguirá así hasta que conectes otra cuenta.
link-awaits-jira-title = Has iniciado sesión en { $service }, pero Jira aún no ha confirmado quién eres.
link-awaits-jira = Si la página de Jira sigue abierta en otra pestaña, continúa allí. Si no, selecciona «Continuar» para iniciar sesión de nuevo.
link-for = Estás conectando esta cuenta de Jira
link-not-you = ¿No eres tú o no es tu sitio? Entonces otra persona ha iniciado esto. Selecciona «Cancelar».
link-shared-title = Qué se compartirá
link-shared-key = En tu perfil de Jira de este sitio se guarda una clave de { $service } que caduca.
link-shared-readers = Tú, los administradores de este sitio y las aplicaciones con permisos de administración podéis leerla.
link-shared-renewed = { $app } la renueva hasta que te desconectes.
link-shared-renewed-issue = { $app } la renueva hasta que te desconectes, lo que puedes hacer en { $issue } o en cualquier otra incidencia.
link-log-out-title = Para conectar otra cuenta, cierra antes la sesión en { $service }.
link-log-out = Abre { $service } en otra pestaña y cierra la sesión. Después, selecciona «Continuar» aquí. Si no, { $service } usa la cuenta con la que has iniciado sesión.
link-next-choose = A continuación, { $service } te pregunta qué cuenta usar. Después vuelves a Jira y, por último, aquí para confirmar.
link-next = A continuación, inicia sesión en { $service }. Después vuelves a Jira y, por último, aquí para confirmar.

## Página con las dos cuentas

both-title = ¿Conectar estas dos cuentas?
both-check = Comprueba que las dos son tuyas. No se conecta nada hasta que selecciones «Conectar cuentas».
both-connect = Conectar cuentas
both-elsewhere-title = Jira ha confirmado esto desde otra red u otro navegador.
both-elsewhere = Si no acabas de abrir Jira en otro lugar, puede que alguien esté intentando conectar tu cuenta de { $service } a la suya. Selecciona «Cancelar».
both-replaces = { $old } está conectada ahora y se sustituirá por { $new }. La clave de { $old } dejará de funcionar.
both-shared-one = { $first }, de este sitio, también tiene conectada esta cuenta. Las dos conexiones funcionarán.
both-shared-two = { $first } y { $second }, de este sitio, también tienen conectada esta cuenta. Todas las conexiones funcionarán.
both-shared-three = { $first }, { $second } y { $third }, de este sitio, también tienen conectada esta cuenta. Todas las conexiones funcionarán.
both-stored = { $app } guardará en este perfil de Jira una clave de { $service } que caduca. Los administradores del sitio pueden leerla allí.
both-not-yours = ¿No es tu cuenta de Jira o no es tu sitio? Entonces otra persona ha iniciado esto. Selecciona «Cancelar».
both-log-out = Para usar otra cuenta, cierra antes la sesión en { $service } en otra pestaña. Si no, { $service } usa la cuenta con la que has iniciado sesión.
both-no-script = Permite JavaScript en esta página para conectar. Así se asegura de que ves esta página antes de seleccionar «Conectar cuentas».

## Mientras se pregunta al servicio

waiting-title = Preguntando a { $service } quién eres…
waiting-text = Para { $site }. Esta página se recarga automáticamente. No se conecta nada hasta que confirmes.

## En qué ha quedado un intento

key-expired-title = Tu clave de { $service } ha caducado
over-jira-waits = Jira aún no ha guardado la clave. Se reintenta automáticamente. La incidencia lo indicará cuando esté.
over-renews = { $app } renueva tu clave hasta que te desconectes, lo que puedes hacer en cualquier incidencia.
over-renews-issue = { $app } renueva tu clave hasta que te desconectes, lo que puedes hacer en { $issue } o en cualquier otra incidencia.
reconnect-title = Volver a conectar { $service }
over-reconnect = Abre una incidencia en Jira y selecciona «Volver a conectar».
over-disconnected-title = Has desconectado { $service }
over-disconnected = Tu cuenta se conectó aquí y se ha desconectado después. Para conectarla de nuevo, abre una incidencia en Jira y selecciona «Conectar».
over-cancelled-title = Cancelado
over-replaced-title = Has empezado de nuevo en otra pestaña
over-replaced = Esta página es la más antigua y ya no se puede usar.
over-refused-title = Se ha detenido este intento
over-refused = No volvió a Jira tal como se inició, así que se ha detenido por tu seguridad.
over-failed-title = Este intento ha terminado
over-failed = { $service } no lo ha completado o ha tardado demasiado.
over-failed-again = Para intentarlo de nuevo, abre una incidencia en Jira y selecciona «Conectar».
over-ended = Eso ha puesto fin a este intento.
over-disconnected-meanwhile-title = Te has desconectado mientras tanto
over-uninstalled-title = La aplicación se ha eliminado o instalado de nuevo mientras tanto
over-newer = Continuar con el más reciente

## Errores

button-start-again = Empezar de nuevo
error-look-again = Mostrar la página actual
error-unauthorized-title = Jira no ha confirmado quién eres
error-unauthorized = Recarga la incidencia en Jira e inténtalo de nuevo. Si vuelve a ocurrir, comprueba la fecha y la hora de tu ordenador. Si son correctas, pide a un administrador de Jira que reinstale la aplicación.
error-old-panel = Si este sitio tiene la nueva aplicación { $app }, usa su panel de la incidencia en lugar de este: todas las personas conectadas siguen conectadas allí. Si no, recarga la incidencia y comprueba la fecha y la hora de tu ordenador. Si vuelve a ocurrir, pide a un administrador de Jira que compruebe la aplicación.
error-wrong-caller-title = Esta dirección no acepta esta llamada
error-wrong-caller = Acepta llamadas de otro tipo: de la página de una persona o de Forge.
error-setting-up-title = La aplicación se está configurando para este sitio
error-setting-up = Esto tarda unos minutos tras una instalación, una hora como máximo. Inténtalo de nuevo entonces.
error-not-served-title = La aplicación no da servicio a este sitio
error-not-served = Esta instalación de la aplicación se ha sustituido o el proveedor de la aplicación no da servicio a este sitio de Jira. Pide a un administrador de Jira que compruebe la aplicación o ponte en contacto con el servicio de asistencia.
error-not-admin-title = Solo los administradores de Jira pueden usar esta página
error-not-admin = Según Jira, no tienes el permiso global «Administrar Jira» en este sitio. Si lo tienes, pide a otro administrador que compruebe que la aplicación puede leer permisos.
error-wrong-person-title = Otra persona ha iniciado esta conexión
error-wrong-person = Otra persona ha empezado a conectarse. No se ha conectado nada. Para conectar tu propia cuenta, abre una incidencia y selecciona «Conectar».
error-wrong-person-name = Has iniciado sesión en Jira como { $name }, y otra persona ha empezado a conectarse. No se ha conectado nada. Para conectar tu propia cuenta, abre una incidencia y selecciona «Conectar».
error-wrong-browser-title = Esta página no pertenece a este navegador
error-wrong-browser = Se abrió en otro navegador o hace más de una hora, o tu navegador bloquea las cookies de este sitio. No se ha conectado nada. Permite las cookies aquí si las bloqueas; después, abre la incidencia en Jira y selecciona «Conectar» de nuevo.
error-denied-title = No has permitido el acceso
error-denied = No has permitido el acceso en { $service }, así que no se ha conectado nada. Si ha sido un error, abre la incidencia en Jira y selecciona «Conectar» de nuevo.
error-cross-site-title = Esta solicitud procede de otro sitio
error-cross-site = No se ha cambiado nada. Abre la incidencia en Jira y selecciona «Conectar» allí.
error-attempt-over-title = Este intento de conexión ha terminado
error-attempt-over = Se completó, se canceló, se inició de nuevo en otro lugar o tardó demasiado. Si la incidencia de Jira no te muestra como conectado, selecciona «Conectar» de nuevo allí.
error-timed-out-title = Ha tardado demasiado
error-timed-out = Por tu seguridad, un intento de conexión termina a los diez minutos, y a los cinco una vez que has vuelto del servicio. Este intento no ha conectado nada. Si la incidencia de Jira no te muestra como conectado, selecciona «Conectar» allí y termina sin una pausa larga.
error-code-expired-title = Ha tardado demasiado
error-code-expired = { $service } mantiene un inicio de sesión en espera poco tiempo, y ese tiempo ha pasado. No se ha conectado nada. Empieza de nuevo y continúa en cuanto vuelvas a Jira.
error-out-of-date-title = Esta página no está actualizada
error-out-of-date = Algo ha cambiado desde que se mostró esta página, así que tu clic no ha conectado nada. Consulta la página actual.
error-ahead-title = Esta página no se carga por adelantado
error-ahead = Ábrela tú.
error-not-linked-title = No hay ninguna cuenta conectada
error-not-linked = No hay ninguna clave. Selecciona antes «Conectar».
error-bad-request-title = No se ha podido entender la solicitud
error-rule-customers = El proveedor de la aplicación no permite que los clientes del portal se conecten.
error-rule-long-group = Un grupo tiene 255 caracteres como máximo, en una sola línea.
error-rule-many-groups = Puedes elegir hasta 50 grupos.
error-not-found-title = Esta página no existe
error-not-found = Vuelve a Jira y abre la incidencia de la que vienes.
error-method-title = Esta dirección no se puede usar así
error-too-large-title = La solicitud es demasiado grande
error-too-large = Puede tener 64 KiB como máximo.
error-too-slow-title = La solicitud ha tardado demasiado
error-too-slow = No ha llegado a tiempo. Inténtalo de nuevo.
error-too-many-title = Demasiadas solicitudes
error-too-many = Espera un momento e inténtalo de nuevo.
error-crowded-title = Hay demasiadas solicitudes en espera
error-crowded = No se ha cambiado nada. Espera un momento e inténtalo de nuevo.
error-service-refused-title = { $service } no ha podido completar la solicitud
error-service-refused = { $service } no ha aceptado la solicitud. No se ha conectado nada. Para intentarlo de nuevo, selecciona «Conectar» en la incidencia.
error-scope-refused-title = { $service } no permite lo que pide la aplicación
error-scope-refused = { $service } ha rechazado uno de los permisos que pide la aplicación, así que no se ha conectado nada. Puede que tu organización en { $service } no lo permita o que la aplicación pida demasiado. Intentarlo de nuevo no sirve: ponte en contacto con el servicio de asistencia e indica el código de abajo.
error-app-refused-title = { $service } no acepta esta aplicación
error-app-refused = { $service } rechaza la propia aplicación, para todo el mundo. No se ha conectado nada. Intentarlo de nuevo no sirve hasta que se solucione: ponte en contacto con el servicio de asistencia e indica el código de abajo.
error-key-too-large-title = La clave es demasiado grande para Jira
error-key-too-large = La clave de { $service } necesita { $size } bytes en Jira, y Jira acepta { $most }. No se ha conectado nada y la clave se ha revocado. Intentarlo de nuevo no sirve: ponte en contacto con el servicio de asistencia e indica el código de abajo.
error-service-unreachable-title = No se puede acceder a { $service }
error-service-unreachable = { $service } no responde en este momento. Inténtalo de nuevo dentro de un minuto.
error-jira-unreachable-title = No se puede acceder a Jira
error-jira-unreachable = Jira no responde en este momento. Inténtalo de nuevo dentro de un minuto.
error-ip-allowlist-title = Este sitio de Jira bloquea la aplicación
error-ip-allowlist = Una lista de IP permitidas protege este sitio y no incluye la dirección del servidor de la aplicación. No se ha cambiado nada. Pide a un administrador de tu organización de Atlassian que añada la dirección. El proveedor de la aplicación la conoce.
error-jira-busy-title = Jira pide a la aplicación que espere
error-jira-busy = { $minutes ->
    [one] Jira limita la frecuencia con que las aplicaciones pueden llamarlo. No se ha perdido nada, y lo que está conectado sigue conectado. Inténtalo de nuevo dentro de un minuto.
   *[other] Jira limita la frecuencia con que las aplicaciones pueden llamarlo. No se ha perdido nada, y lo que está conectado sigue conectado. Inténtalo de nuevo dentro de { $minutes } minutos.
}
error-unavailable-title = No disponible en este momento
error-unavailable = No se ha perdido nada. Inténtalo de nuevo dentro de un minuto.
error-not-ready-title = No está listo
error-internal-title = Algo ha ido mal
error-internal = Hemos registrado lo que ha pasado. Inténtalo de nuevo. Si vuelve a ocurrir, ponte en contacto con el servicio de asistencia.
error-unknown-caller-title = No autorizado
error-unknown-caller = Envía el valor de LATCHKEY_INTROSPECTION_SECRET como contraseña de HTTP Basic o como token de portador.

## Quién no puede conectarse

refused-anonymous-title = Inicia sesión en Jira antes
refused-anonymous = Jira muestra esta incidencia a los visitantes. Inicia sesión en Jira, recarga la incidencia y conecta entonces tu cuenta.
refused-anonymous-admin = Nadie había iniciado sesión en Jira.
refused-customer-title = Los clientes del portal no pueden conectarse
refused-customer = Usas este sitio como cliente de su centro de ayuda. Solo las personas con una cuenta de Jira pueden conectar { $service }. Pide una cuenta a un administrador de Jira.
refused-customer-admin = Los clientes del portal no pueden conectarse en este sitio.
refused-app-title = Las aplicaciones no pueden conectarse
refused-app = Esta es la cuenta de una aplicación. Inicia sesión en Jira como persona.
refused-app-admin = Es la cuenta de una aplicación.
refused-unknown-title = No puedes conectar esta cuenta
refused-unknown = Jira no indica qué tipo de cuenta es. Pregunta a un administrador de Jira.
refused-unknown-admin = Jira no indica qué tipo de cuenta es.
refused-deactivated-title = Esta cuenta está desactivada
refused-deactivated = Según Jira, esta cuenta no está activa. Pregunta a un administrador de Jira.
refused-deactivated-admin = La cuenta está desactivada.
refused-group-title = Tu administrador aún no te permite conectarte
refused-group = Los administradores de este sitio de Jira solo permiten que los miembros de determinados grupos conecten { $service }. Pide a un administrador de Jira que te añada a uno de ellos.
refused-group-admin = La persona no está en ninguno de los grupos cuyos miembros pueden conectarse.

## Por qué no hay una clave válida, para la persona

trouble-service-away = { $service } no responde, así que la clave no se ha podido renovar. Se reintenta automáticamente.
trouble-service-waits = { $service } ha pedido a la aplicación que espere antes de renovar la clave. Se reintenta automáticamente.
trouble-refused = { $service } se niega a renovar la clave y no dice por qué. Se reintenta automáticamente. Si sigue negándose, se te pedirá que vuelvas a conectar.
trouble-app-refused = { $service } rechaza la aplicación, así que las claves no se pueden renovar hasta que se solucione. Se reintenta automáticamente.
trouble-no-key = { $service } no ha proporcionado una clave nueva. Se reintenta automáticamente.
trouble-jira-away = Jira aún no ha guardado la clave nueva. Se reintenta automáticamente.
trouble-unknown = La clave aún no se ha renovado. Se reintenta automáticamente.
reconnect-revoked = { $service } ya no acepta esta conexión. Se puso fin a ella allí o ha caducado.
reconnect-rotation-lost = Se perdió una respuesta de { $service } mientras se renovaba la clave, y { $service } no la repite.
reconnect-no-refresh-token = La clave ha caducado y { $service } no permite renovarla.
reconnect-consent-ended = { $service } pregunta de vez en cuando si sigues de acuerdo, y el plazo ha terminado. No hay ningún error.
reconnect-restored = Esta conexión se ha restaurado de una copia de seguridad anterior a su última clave. No has hecho nada mal y no se ha cancelado nada en { $service }.
reconnect-keeps-refusing = La clave ha caducado y, desde entonces, { $service } se ha negado cada vez a renovarla sin decir por qué.
aside-sealed = Los datos guardados de esta conexión ya no se pueden leer.
aside-no-outcome = La clave de { $service } aún no se ha podido renovar. Se reintenta automáticamente.
aside-jira-refuses = Jira no permite que la aplicación guarde la clave. Un administrador de Jira puede comprobar los permisos de la aplicación.
aside-site-not-allowed = El proveedor de la aplicación para { $service } no da servicio a este sitio.
aside-too-large = La clave más reciente de { $service } es demasiado grande para Jira. Volver a conectar no sirve: ponte en contacto con el servicio de asistencia.
aside-too-large-size = La clave más reciente de { $service } necesita { $size } bytes en Jira, y Jira acepta { $most }. Volver a conectar no sirve: ponte en contacto con el servicio de asistencia.
park-unauthorized = Jira no acepta la aplicación en este momento. Se reintenta automáticamente. Si continúa, un administrador de Jira puede reinstalar la aplicación.
park-quota = Jira no acepta más cambios de la aplicación durante esta hora. La clave llegará en cuanto los acepte.
park-asked = Jira ha pedido a la aplicación que espere. La clave llegará lo antes posible.
park-ip-allowlist = La lista de IP permitidas de este sitio de Jira bloquea la aplicación. Pide a un administrador de tu organización de Atlassian que añada la dirección de la aplicación. Entonces llegará la clave.
park-not-jira = Este sitio de Jira no responde a la aplicación en este momento. La clave llegará en cuanto lo haga.
park-no-system-token = Hace un rato que Jira no deja entrar a la aplicación. La clave llegará en cuanto lo haga, normalmente en menos de una hora.
disconnect-key-ends = La clave se elimina de tu perfil de Jira y deja de funcionar.
disconnect-key-stays = La clave se elimina de tu perfil de Jira y no se renueva. Una copia puede funcionar hasta que caduque.
disconnect-shared-others = La conexión de otra persona usa la misma cuenta de { $service }, y cerrar la sesión pondría fin a ambas. Por eso, { $service } mantiene la sesión hasta que termine también esa conexión.
disconnect-shared-oneself = Tu conexión en otro sitio de Jira usa la misma cuenta de { $service }, y cerrar la sesión pondría fin a ambas. Por eso, { $service } mantiene la sesión hasta que termine también esa conexión.

## Lo mismo, para los administradores de un sitio

reconnect-revoked-admin = { $service } ha puesto fin a la conexión. La persona puede volver a conectar. Si les pasa a muchas personas, pregunta a tu administrador de { $service } si se ha bloqueado la aplicación.
reconnect-rotation-lost-admin = Un fallo de la red ha puesto fin a la conexión. La persona puede volver a conectar.
reconnect-no-refresh-token-admin = { $service } no permite renovar las claves de esta persona. La persona puede volver a conectar por el tiempo que dure una clave.
reconnect-consent-ended-admin = { $service } pregunta de vez en cuando a las personas si siguen de acuerdo. Se avisó a la persona con antelación y puede volver a conectar.
reconnect-restored-admin = Los datos de la aplicación se han restaurado de una copia de seguridad anterior a la última clave de esta conexión. La persona puede volver a conectar.
reconnect-keeps-refusing-admin = { $service } se niega a renovar la clave de esta persona desde que caducó. La persona puede volver a conectar. Si les pasa a muchas personas, ponte en contacto con el proveedor de la aplicación.
aside-sealed-admin = Los datos guardados de esta conexión ya no se pueden leer. La persona puede volver a conectar.
aside-no-outcome-admin = La renovación de la clave de { $service } se ha interrumpido tres veces seguidas. Se reintenta automáticamente. No tienes que hacer nada.
aside-jira-refuses-admin = Jira no permite que la aplicación escriba la propiedad de usuario de esta persona. Da al usuario de la aplicación el permiso global «Administrar Jira» o permite que la aplicación actúe en nombre de los usuarios. Las renovaciones continúan automáticamente en 15 minutos.
aside-site-not-allowed-admin = La aplicación para { $service } no da servicio a la dirección de este sitio. Ponte en contacto con el proveedor de la aplicación. Las renovaciones continúan automáticamente en cuanto lo haga.
aside-too-large-admin = Las claves que { $service } da a esta persona son mayores de lo que permiten las propiedades de usuario de Jira. Ponte en contacto con el proveedor de la aplicación. Aquí no puedes cambiarlo.
park-unauthorized-admin = Jira rechaza los tokens de la aplicación. Si la aplicación sigue instalada, reinstálala: recibe un secreto nuevo y las renovaciones continúan.
park-global-quota-admin = La aplicación ha agotado su cuota por hora de llamadas a Jira para todos los sitios. Las llamadas continúan automáticamente a la hora en punto.
park-tenant-quota-admin = La aplicación ha agotado su cuota por hora de llamadas a Jira para este sitio. Las llamadas continúan automáticamente.
park-burst-admin = Las aplicaciones han llamado a este sitio demasiado en poco tiempo. Las llamadas continúan automáticamente.
park-asked-admin = Este sitio ha pedido a la aplicación que espere. Las llamadas continúan automáticamente.
park-ip-allowlist-admin = La lista de IP permitidas de este sitio bloquea la aplicación. Un administrador de la organización de Atlassian tiene que añadir la dirección del servidor de la aplicación. El proveedor de la aplicación la conoce. Las llamadas continúan automáticamente en un minuto.
park-not-jira-admin = La aplicación no llega a Jira en la dirección de este sitio: allí responde otra página u otro servidor. No se ha desconectado a nadie. Las llamadas continúan automáticamente dos minutos después de que Jira vuelva, como máximo. Si el sitio tiene una dirección nueva, actualiza la aplicación en Jira para que la conozca.
park-no-system-token-admin = Hace unas horas que Atlassian no llama al servidor de la aplicación, así que esta no puede escribir en este sitio. Las llamadas continúan automáticamente con la próxima llamada horaria. Si no, ponte en contacto con el proveedor de la aplicación.

## Qué ha pasado en un sitio, para sus administradores

event-connected = Ha conectado una cuenta de { $service }.
event-disconnected = Se ha desconectado.
event-disconnected-admin = Desconectado por un administrador.
event-disconnected-jira = Desconectado: según Jira, la cuenta está desactivada o ya no existe.
event-disconnected-atlassian = Desconectado: Atlassian ha cerrado la cuenta.
event-disconnected-service = Desconectado por { $service }.
event-finished-by-another = Otra persona volvió de { $service } con lo que esta persona había iniciado, o desde otro navegador. No se ha conectado nada.
event-refused = No ha podido conectarse. { $why }
event-moved-from-connect = El sitio ha pasado de Atlassian Connect a Forge con todas las conexiones.
event-moved = Una instalación nueva de la aplicación ha asumido todas las conexiones.
event-decided = Ha cambiado quién puede conectarse. { $what }
rule-customers-allowed = Los clientes del portal pueden conectarse.
rule-customers-denied = Los clientes del portal no pueden conectarse.
rule-every-group = Pueden conectarse las personas de cualquier grupo.
rule-groups = Solo pueden conectarse los miembros de estos grupos: { $groups }.

## Por qué la aplicación tiene sus permisos

scope-read = Para leer el nombre de una persona y si la cuenta está activa, a qué grupos pertenece si eliges grupos, y si quien abre esta página es administrador de Jira.
scope-write = Para guardar la clave en una propiedad de usuario de cada persona conectada.
scope-delete = Para eliminar esa propiedad de usuario cuando termina una conexión.
scope-act-as-user = Para escribir esa propiedad en nombre de la persona cuando Jira no se lo permite a la propia aplicación, por ejemplo, porque se le ha quitado el permiso de administración.
scope-read-jira-user = Para leer el nombre de una persona, si la cuenta está activa y su clave, y a qué grupos pertenece si eliges grupos.
scope-read-jira-work = Para preguntar a Jira si quien abre esta página es administrador de Jira. La aplicación no lee incidencias.
scope-write-jira-work = Para guardar la clave en una propiedad de usuario de cada persona conectada y para eliminarla. Atlassian no tiene un ámbito más limitado para eso. La aplicación no escribe incidencias.
scope-read-app-system-token = Para llamar a Jira como aplicación cuando nadie está viendo una incidencia.
scope-report-personal-data = Para preguntar a Atlassian cuáles de las cuentas guardadas se han cerrado y borrarlas.

## Página final, en Jira

finish-proving-title = Comprobando quién eres…
finish-proving = { $app } pregunta a Jira quién ha iniciado sesión aquí.
finish-proved-title = Has vuelto a Jira
finish-signed-in = Has iniciado sesión en Jira como
finish-next = A continuación verás esta cuenta junto a la que has usado en { $service }. No se conecta nada hasta que selecciones allí «Conectar cuentas».
finish-start-again = Vuelve a Jira y selecciona «Conectar» de nuevo.
finish-look = Consulta la incidencia: si dice «Conectado», ya está. Si no, selecciona «Conectar» de nuevo.
finish-over-title = Este intento ha terminado
finish-over = Se completó o se canceló, o tardó demasiado.
finish-unauthorized-title = Jira no ha podido confirmar quién eres
finish-unauthorized = Recarga esta página. Si vuelves a ver esto, pide a un administrador de Jira de este sitio que reinstale la aplicación.
finish-nothing-title = Aquí no hay nada que terminar
finish-nothing = Jira abre esta página después de que inicies sesión en { $service }.
jira-silent-title = Jira no responde
one-moment-title = Un momento, por favor
finish-too-many = Ha habido demasiadas solicitudes a la vez.
finish-unavailable-title = No disponible en este momento
finish-unreachable-title = Sin conexión
finish-no-bridge-title = Jira no responde a esta página
finish-no-bridge = Esta página solo funciona dentro de Jira.
finish-failed-title = Algo ha ido mal
finish-late-title = Ha tardado demasiado
finish-late = Por tu seguridad, un intento termina a los diez minutos, y a los cinco una vez que has vuelto de { $service }.
not-allowed-title = No puedes conectar esta cuenta
finish-wrong-person-title = Otra persona ha iniciado esto
finish-wrong-person = Has iniciado sesión en Jira como { $name }, pero otra persona ha iniciado esto. No se ha conectado nada.
finish-wrong-person-unnamed = Has iniciado sesión en Jira como una persona distinta de la que ha iniciado esto. No se ha conectado nada.
finish-wrong-person-advice = Si alguien te ha enviado aquí, cierra esta pestaña. Para conectar tu propia cuenta, selecciona «Conectar» en una incidencia de Jira. Si tienes dos cuentas de Jira, inicia sesión con la que empezaste y selecciona «Conectar» de nuevo.

## Qué dicen los scripts de todas las páginas dentro de Jira

frame-slow = Ha tardado un momento. Selecciona el botón de nuevo.
frame-clock-title = Hay un reloj mal ajustado
frame-clock-apart = { $minutes ->
    [one] Los relojes de tu ordenador y del servidor de la aplicación difieren en un minuto. Comprueba la fecha, la hora y la zona horaria de tu ordenador y recarga la página. Si son correctas, ponte en contacto con el servicio de asistencia.
   *[other] Los relojes de tu ordenador y del servidor de la aplicación difieren en { $minutes } minutos. Comprueba la fecha, la hora y la zona horaria de tu ordenador y recarga la página. Si son correctas, ponte en contacto con el servicio de asistencia.
}
frame-clock-other = Según el reloj del servidor de la aplicación, la confirmación de Jira de quién eres ha caducado, y tu ordenador coincide con ese reloj. Recarga la página. Si no sirve, ponte en contacto con el servicio de asistencia.
frame-not-left = No se ha abierto nada. Para continuar, selecciona el botón de nuevo y deja que Jira abra { $host }.

## Página para administradores de Jira

admin-loading = Preguntando a Jira quién eres…
admin-refused-title = Esta página no se puede mostrar en este momento
admin-refused = El servidor de la aplicación o Jira no responde. Inténtalo de nuevo en un momento.
admin-about = Las personas conectan su cuenta de Jira con su cuenta de { $service } en una incidencia. { $app } mantiene en su perfil de Jira una clave que caduca y la renueva hasta que termina la conexión.
admin-start-title = Primeros pasos
admin-start-connect = Abre cualquier incidencia, busca { $app } al lado y selecciona «Conectar». Inicia sesión en { $service }, vuelve y confirma.
admin-start-decide = Elige abajo quién puede conectarse. Hasta entonces, puede hacerlo cualquiera que tenga aquí una cuenta de Jira.
admin-start-allowlist = Si este sitio tiene una lista de IP permitidas, añade las direcciones que aparecen en «Estado».
admin-health-title = Estado
admin-health-well = Funciona
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
admin-writes-as-person = Cada persona: Jira no permite que el usuario de la aplicación escriba la propiedad. Para cambiarlo, da a ese usuario el permiso «Administrar Jira».
admin-writes-as-app = El usuario de la aplicación
admin-connections = Conexiones
admin-people = { $count ->
    [one] { $count } persona
   *[other] { $count } personas
}
admin-reconnect-count = { $count ->
    [one] { $count } tiene que volver a conectar
   *[other] { $count } tienen que volver a conectar
}
admin-expired-count = { $count ->
    [one] { $count } clave ha caducado
   *[other] { $count } claves han caducado
}
admin-allowlist = Lista de IP permitidas
admin-allowlist-ask = Si este sitio tiene una, pregunta al proveedor de la aplicación qué direcciones añadir.
admin-links-title = Quién está conectado
admin-search = Buscar
admin-search-hint = Nombre o ID de cuenta
admin-show = Mostrar
admin-show-all = Todas las personas
admin-show-connected = Conectadas
admin-show-trouble = Conectadas, con un problema
admin-show-reconnect = Tienen que volver a conectar
admin-links-table = Tabla de personas conectadas
admin-person = Persona
admin-account = Cuenta de { $service }
admin-state = Estado
admin-since = Desde
key-valid-until = Clave válida hasta
admin-state-connected = Conectado
admin-state-connecting = Conectando
admin-state-expired = Clave caducada
admin-state-reconnect = Volver a conectar
admin-links-none = Aún no se ha conectado nadie.
admin-links-not-found = No hay coincidencias.
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
admin-end-all = Desconectar a todas las personas
admin-close = Cerrar
admin-ask-one = ¿Desconectar a { $name }?
admin-ended-one = Se ha desconectado a { $name }.
admin-ask-all = { $count ->
    [one] ¿Desconectar a todas las personas? { $count } conexión termina definitivamente. La clave se elimina de Jira y deja de funcionar, y la persona tiene que conectarse de nuevo.
   *[other] ¿Desconectar a todas las personas? { $count } conexiones terminan definitivamente. Las claves se eliminan de Jira y dejan de funcionar, y cada persona tiene que conectarse de nuevo.
}
admin-ending-all = { $count ->
    [one] Ha terminado { $count } conexión, quedan { $left }…
   *[other] Han terminado { $count } conexiones, quedan { $left }…
}
admin-ended-all = { $count ->
    [one] Se ha desconectado a todas las personas: { $count } conexión.
   *[other] Se ha desconectado a todas las personas: { $count } conexiones.
}
admin-checked = { $count ->
    [one] { $count } persona comprobada…
   *[other] { $count } personas comprobadas…
}
admin-nobody-left = { $count ->
    [one] Nadie se ha ido: Jira conoce a esta { $count } persona y su cuenta está activa.
   *[other] Nadie se ha ido: Jira conoce a las { $count } personas y sus cuentas están activas.
}
admin-left = { $count ->
    [one] { $count } persona se ha ido: la cuenta de Jira está desactivada o ya no existe.
   *[other] { $count } personas se han ido: sus cuentas de Jira están desactivadas o ya no existen.
}
admin-left-more = y { $count } más
admin-end-left = { $count ->
    [one] Desconectar a esta persona
   *[other] Desconectar a estas personas
}
admin-ended-left = { $count ->
    [one] Se ha desconectado a { $count } persona que se había ido.
   *[other] Se ha desconectado a { $count } personas que se habían ido.
}
admin-rule-title = Quién puede conectarse
admin-customers = Los clientes del portal de Jira Service Management pueden conectarse
admin-customers-note = Usan este sitio a través de su centro de ayuda y no tienen una cuenta de Jira propia.
admin-groups = Solo miembros de estos grupos
admin-groups-note = Escribe un grupo por línea, por su nombre o ID. Déjalo vacío para que todas las personas puedan conectarse. La aplicación pregunta a Jira en cada intento, y quienes ya están conectados siguen conectados.
admin-save = Guardar
admin-saved = Guardado.
admin-events-title = Qué ha pasado
admin-events-days = { $days ->
    [one] Se conserva durante { $days } día.
   *[other] Se conserva durante { $days } días.
}
admin-events-table = Tabla de eventos
admin-when = Cuándo
admin-what = Qué
admin-by = Por
admin-by-person = La persona
admin-by-admin = Un administrador
admin-by-service = { $service }
admin-by-jira = Jira
admin-by-atlassian = Atlassian
admin-by-app = { $app }
admin-events-none = Aún no ha pasado nada.
admin-export-csv = Exportar CSV
admin-export-lines = Exportar líneas JSON
admin-file-saved = Se ha guardado { $file }.
admin-scopes-title = Qué puede hacer { $app } en Jira y por qué
admin-scopes-table = Tabla de permisos
admin-permission = Permiso
admin-why = Por qué
admin-no-issue = No lee incidencias, comentarios ni archivos adjuntos.
