## Botões e rótulos de várias páginas

button-continue = Continuar
button-cancel = Cancelar
button-try-again = Tentar novamente
button-another-account = Usar outra conta
button-disconnect = Desconectar
back-to-jira = Voltar para o Jira
back-to-issue = Voltar para { $issue }
account-id = ID da conta
code-label = Código:
reference-label = Referência:
your-jira-account = Sua conta do Jira
connected-as = Conta conectada: { $name }
still-connected = Sua conexão com { $service } como { $name } continua ativa.
nothing-connected = Nenhuma conta foi conectada.
nothing-connected-yet = Nenhuma conta foi conectada ainda. Tente novamente daqui a pouco.
try-again-soon = Não funcionou. Tente novamente daqui a pouco.

## Painel em um item

button-connect = Conectar
button-reconnect = Reconectar
panel-checking = Verificando sua conexão…
panel-unreachable = Não foi possível acessar { $app }
panel-offline = Você está off-line
panel-retrying = Tentando novamente de forma automática.
panel-retry-at = Nova tentativa às { $time }.
panel-retry-online = Este painel será atualizado quando você voltar a ficar on-line.
panel-retry-reload = Tentando novamente de forma automática. Se isso não resolver, recarregue o item.
panel-unfinished = Você não concluiu a conexão, então nenhuma conta foi conectada.
panel-unfinished-stays = Você não concluiu a conexão. A conta { $name } continua conectada.
panel-unfinished-unchanged = Você não concluiu a conexão, então nada mudou.
panel-cancelled = Cancelado. Nenhuma conta foi conectada.
panel-cancelled-stays = Cancelado. A conta { $name } continua conectada.
panel-cancelled-unchanged = Cancelado. Nada mudou.
panel-left-shared = Conta desconectada. A chave não é mais renovada. { $service } mantém a sessão até que a outra conexão com a mesma conta termine.
panel-left-retried = Conta desconectada. A chave não é mais renovada. { $service } ou o Jira ainda não confirmou que a última chave foi removida. Tentando novamente de forma automática.
panel-connect-title = Conecte sua conta { $service }
panel-connect = Use { $service } no Jira com a sua própria conta. { $app } mantém uma chave temporária no seu perfil do Jira e a renova até você desconectar a conta.
panel-connecting = Conectando…
panel-finish-in-tab = Conclua na guia que foi aberta: faça login em { $service }, volte para o Jira e confirme.
panel-tab-lost = Fechou ou perdeu a guia? Recomece ou cancele.
panel-arriving = Conectando { $name }…
panel-arriving-text = O Jira ainda não tem a sua chave. Tentando novamente de forma automática.
panel-purpose = Você pode usar { $service } no Jira com a sua própria conta.
panel-consent = Sua conexão com { $service } termina em { $date }. Reconecte para mantê-la.
panel-account = Conta
panel-expired-at = Expirou em
panel-since = A chave expirou: { $time }.
panel-was = Antes, a conta conectada era { $name }.
panel-switching = Conectando outra conta…
panel-reconnecting = Reconectando…
panel-stays = A conta { $name } continua conectada até você concluir.
panel-switching-text = Conclua na guia que foi aberta. Fechou ou perdeu a guia? Recomece ou cancele.
panel-not-installed-title = A instalação de { $app } não está correta
panel-not-installed = Recarregue o item. Se esta mensagem aparecer novamente, peça a um administrador do Jira deste site que reinstale { $app }.
panel-renewing = Renovando a chave…
panel-renewed = A chave foi renovada.
panel-manage = Gerenciar
panel-renew-now = Renovar agora
panel-disconnect-ask = Desconectar { $service }?
panel-details = Detalhes
panel-service = Serviço
panel-renewed-at = Renovada em
panel-key-number = Número da chave
panel-blocked-title = Nenhuma guia nova foi aberta.
panel-blocked = Seu navegador pode tê-la bloqueado. Procure um ícone na barra de endereço, permita pop-ups para este site do Jira e selecione o botão novamente.
panel-ask-admin = Fale com um administrador do Jira deste site.
panel-reconnect-default = Não foi possível renovar a chave. Reconecte para corrigir isso.
panel-flag-reconnect = Sua conexão com { $service } requer uma ação sua. Selecione “Reconectar” neste item.
panel-flag-expired = O painel neste item informa o motivo.
panel-flag-works = Sua conexão com { $service } voltou a funcionar

## O que se mostra do serviço

step-one = Etapa 1 de 3
step-two = Etapa 2 de 3
step-three = Etapa 3 de 3
link-allow-title = O que você permite em { $service }
allow-identity = Saber qual conta é a sua
allow-profile = Ler seu nome e sua foto
allow-email = Ler seu endereço de e-mail
allow-offline = Renovar a chave na sua ausência
allow-read = Ler o que você pode ver lá
allow-other = Permissão { $scope }
service-help = Ajuda
service-privacy = Privacidade
contact-support = Falar com o suporte

## Página de conexão

link-title = Conectar { $service } ao Jira
link-page-title = Conectar { $service }
link-connected-as = Você tem uma conexão com { $service } como { $name }. Ela continua ativa até você conectar outra conta.
link-awaits-jira-title = Você fez login em { $service }, mas o Jira ainda não confirmou quem você é.
link-awaits-jira = Se a página do Jira ainda estiver aberta em outra guia, continue por lá. Caso contrário, selecione “Continuar” para fazer login novamente.
link-for = Você está conectando esta conta do Jira
link-not-you = Esta conta não é sua, ou o site não é o seu? Então outra pessoa iniciou esta conexão. Selecione “Cancelar”.
link-shared-title = O que será compartilhado
link-shared-key = Uma chave temporária de { $service } é armazenada no seu perfil do Jira neste site.
link-shared-readers = Você, os administradores deste site e os apps com permissões de administrador podem ler essa chave.
link-shared-renewed = { $app } renova a chave até você desconectar a conta.
link-shared-renewed-issue = { $app } renova a chave até você desconectar a conta, o que pode ser feito em { $issue } ou em qualquer outro item.
link-log-out-title = Para conectar outra conta, primeiro saia da conta atual em { $service }.
link-log-out = Abra { $service } em outra guia e saia da conta. Depois, selecione “Continuar” aqui. Caso contrário, { $service } usará a conta em que você já fez login.
link-next-choose = A seguir, { $service } pergunta qual conta usar. Depois, você volta para o Jira e, por fim, para esta página, onde confirma a conexão.
link-next = A seguir, faça login em { $service }. Depois, você volta para o Jira e, por fim, para esta página, onde confirma a conexão.

## Página com as duas contas

both-title = Conectar estas duas contas?
both-check = Confira se as duas são suas. Nenhuma conta é conectada até você selecionar “Conectar contas”.
both-connect = Conectar contas
both-elsewhere-title = A confirmação no Jira veio de outra rede ou de outro navegador.
both-elsewhere = Se você não abriu o Jira em outro lugar agora há pouco, outra pessoa pode estar tentando conectar a sua conta { $service } à conta dela. Selecione “Cancelar”.
both-replaces = A conta conectada agora é { $old }. Ela será substituída por { $new }. A chave de { $old } deixará de funcionar.
both-shared-one = Neste site, { $first } também tem uma conexão com a mesma conta. As duas conexões vão funcionar.
both-shared-two = Neste site, { $first } e { $second } também têm uma conexão com a mesma conta. Todas as conexões vão funcionar.
both-shared-three = Neste site, { $first }, { $second } e { $third } também têm uma conexão com a mesma conta. Todas as conexões vão funcionar.
both-stored = { $app } armazenará uma chave temporária de { $service } neste perfil do Jira. Os administradores do site podem ler essa chave.
both-not-yours = Esta conta do Jira não é sua, ou o site não é o seu? Então outra pessoa iniciou esta conexão. Selecione “Cancelar”.
both-log-out = Para usar outra conta, primeiro abra { $service } em outra guia e saia da conta. Caso contrário, { $service } usará a conta em que você já fez login.
both-no-script = Para conectar as contas, permita o JavaScript nesta página. Isso garante que você veja a página antes de selecionar “Conectar contas”.

## Enquanto o serviço é consultado

waiting-title = Perguntando a { $service } quem você é…
waiting-text = Para { $site }. Esta página é recarregada automaticamente. Nenhuma conta é conectada até você confirmar.

## No que deu uma tentativa

key-expired-title = Sua chave de { $service } expirou
over-jira-waits = O Jira ainda não armazenou a chave. Tentando novamente de forma automática. O item mostrará quando a chave estiver armazenada.
over-renews = { $app } renova sua chave até você desconectar a conta, o que pode ser feito em qualquer item.
over-renews-issue = { $app } renova sua chave até você desconectar a conta, o que pode ser feito em { $issue } ou em qualquer outro item.
reconnect-title = Reconectar { $service }
over-reconnect = Abra um item no Jira e selecione “Reconectar”.
over-disconnected-title = Você desconectou { $service }
over-disconnected = Sua conta foi conectada aqui e depois desconectada. Para conectar novamente, abra um item no Jira e selecione “Conectar”.
over-cancelled-title = Cancelado
over-replaced-title = Você recomeçou em outra guia
over-replaced = Esta página é a mais antiga e não pode mais ser usada.
over-refused-title = Esta tentativa foi interrompida
over-refused = Ela não voltou para o Jira da forma como foi iniciada, por isso foi interrompida para sua segurança.
over-failed-title = Esta tentativa terminou
over-failed = { $service } não concluiu a tentativa, ou ela demorou demais.
over-failed-again = Para tentar novamente, abra um item no Jira e selecione “Conectar”.
over-ended = Isso encerrou esta tentativa.
over-disconnected-meanwhile-title = Você desconectou a conta nesse meio-tempo
over-uninstalled-title = O app foi removido ou reinstalado nesse meio-tempo
over-newer = Continuar na página mais recente

## Erros

button-start-again = Recomeçar
error-look-again = Mostrar a página atual
error-unauthorized-title = O Jira não confirmou quem você é
error-unauthorized = Recarregue o item no Jira e tente novamente. Se isso se repetir, verifique a data e a hora do seu computador. Se estiverem corretas, peça a um administrador do Jira que reinstale o app.
error-old-panel = Se este site tiver o novo app { $app }, use o painel dele no item em vez deste: todas as contas conectadas continuam conectadas nele. Caso contrário, recarregue o item e verifique a data e a hora do seu computador. Se isso se repetir, peça a um administrador do Jira que verifique o app.
error-wrong-caller-title = Este endereço não aceita esta chamada
error-wrong-caller = Ele aceita chamadas de outro tipo: da página de uma pessoa ou do próprio Forge.
error-setting-up-title = O app está sendo configurado para este site
error-setting-up = Isso leva alguns minutos depois da instalação e, no máximo, uma hora. Depois disso, tente novamente.
error-not-served-title = O app não atende este site
error-not-served = Esta instalação do app foi substituída, ou o fornecedor do app não atende este site do Jira. Peça a um administrador do Jira que verifique o app ou fale com o suporte.
error-not-admin-title = Somente administradores do Jira podem usar esta página
error-not-admin = Segundo o Jira, você não tem a permissão global “Administrar o Jira” neste site. Se você a tiver, peça a outro administrador que verifique se o app pode ler permissões.
error-wrong-person-title = Outra pessoa iniciou esta conexão
error-wrong-person = Outra pessoa iniciou esta conexão. Nenhuma conta foi conectada. Para conectar a sua própria conta, abra um item e selecione “Conectar”.
error-wrong-person-name = Você fez login no Jira como { $name }, mas outra pessoa iniciou esta conexão. Nenhuma conta foi conectada. Para conectar a sua própria conta, abra um item e selecione “Conectar”.
error-wrong-browser-title = Esta página não pertence a este navegador
error-wrong-browser = Ela foi aberta em outro navegador ou há mais de uma hora, ou o seu navegador bloqueia os cookies deste site. Nenhuma conta foi conectada. Se você bloqueia cookies, permita-os aqui. Depois, abra o item no Jira e selecione “Conectar” novamente.
error-denied-title = Você não permitiu o acesso
error-denied = Você não permitiu o acesso em { $service }, então nenhuma conta foi conectada. Se foi um engano, abra o item no Jira e selecione “Conectar” novamente.
error-cross-site-title = Esta solicitação veio de outro site da web
error-cross-site = Nada foi alterado. Abra o item no Jira e selecione “Conectar” nele.
error-attempt-over-title = Esta tentativa de conexão terminou
error-attempt-over = Ela foi concluída, cancelada ou recomeçada em outro lugar, ou demorou demais. Se o item no Jira não mostrar “Conta conectada”, selecione “Conectar” nele novamente.
error-timed-out-title = A tentativa demorou demais
error-timed-out = Para sua segurança, uma tentativa de conexão termina em dez minutos ou, depois que você volta do serviço, em cinco. Nenhuma conta foi conectada nesta tentativa. Se o item no Jira não mostrar “Conta conectada”, selecione “Conectar” nele e siga até o fim sem pausas longas.
error-code-expired-title = A tentativa demorou demais
error-code-expired = Um login em { $service } só fica em espera por pouco tempo, e esse tempo acabou. Nenhuma conta foi conectada. Recomece e continue assim que voltar para o Jira.
error-out-of-date-title = Esta página está desatualizada
error-out-of-date = Algo mudou depois que esta página foi exibida, então seu clique não conectou nenhuma conta. Confira a página atual.
error-ahead-title = Esta página não é carregada com antecedência
error-ahead = Abra a página diretamente.
error-not-linked-title = Nenhuma conta está conectada
error-not-linked = Não há chave. Selecione “Conectar” primeiro.
error-bad-request-title = Não foi possível entender a solicitação
error-rule-customers = O fornecedor do app não permite que clientes do portal conectem contas.
error-rule-long-group = Um grupo tem no máximo 255 caracteres, em uma única linha.
error-rule-many-groups = Você pode escolher até 50 grupos.
error-not-found-title = Esta página não existe
error-not-found = Volte para o Jira e abra o item de onde você veio.
error-method-title = Este endereço não pode ser usado assim
error-too-large-title = A solicitação é grande demais
error-too-large = Ela pode ter no máximo 64 KiB.
error-too-slow-title = A solicitação demorou demais
error-too-slow = Ela não chegou a tempo. Tente novamente.
error-too-many-title = Solicitações demais
error-too-many = Aguarde um momento e tente novamente.
error-crowded-title = Há solicitações demais em espera
error-crowded = Nada foi alterado. Aguarde um momento e tente novamente.
error-service-refused-title = { $service } não conseguiu concluir a solicitação
error-service-refused = { $service } não aceitou a solicitação. Nenhuma conta foi conectada. Para tentar novamente, selecione “Conectar” no item.
error-scope-refused-title = { $service } não permite o que o app pede
error-scope-refused = { $service } recusou uma das permissões que o app pede, então nenhuma conta foi conectada. Talvez sua organização em { $service } não permita isso, ou o app peça permissões demais. Tentar novamente não resolve: fale com o suporte e informe o código abaixo.
error-app-refused-title = { $service } não aceita este app
error-app-refused = { $service } recusa o próprio app, para todas as pessoas. Nenhuma conta foi conectada. Até que isso seja corrigido, tentar novamente não resolve: fale com o suporte e informe o código abaixo.
error-key-too-large-title = A chave é grande demais para o Jira
error-key-too-large = A chave de { $service } ocupa { $size } bytes no Jira, e o limite é de { $most }. Nenhuma conta foi conectada, e a chave foi revogada. Tentar novamente não resolve: fale com o suporte e informe o código abaixo.
error-service-unreachable-title = Não foi possível acessar { $service }
error-service-unreachable = { $service } não responde no momento. Tente novamente em um minuto.
error-jira-unreachable-title = Não foi possível acessar o Jira
error-jira-unreachable = O Jira não responde no momento. Tente novamente em um minuto.
error-ip-allowlist-title = Este site do Jira bloqueia o app
error-ip-allowlist = Uma lista de IPs permitidos protege este site e não inclui o endereço do servidor do app. Nada foi alterado. Peça a um administrador da sua organização da Atlassian que adicione o endereço. O fornecedor do app sabe qual é.
error-jira-busy-title = O Jira pediu que o app aguarde
error-jira-busy = { $minutes ->
    [one] O Jira limita a frequência das chamadas de apps. Nada foi perdido, e o que está conectado continua conectado. Tente novamente em um minuto.
   *[other] O Jira limita a frequência das chamadas de apps. Nada foi perdido, e o que está conectado continua conectado. Tente novamente em { $minutes } minutos.
}
error-unavailable-title = Indisponível no momento
error-unavailable = Nada foi perdido. Tente novamente em um minuto.
error-not-ready-title = Ainda não está pronto
error-internal-title = Algo deu errado
error-internal = Registramos o que aconteceu. Tente novamente. Se isso se repetir, fale com o suporte.
error-unknown-caller-title = Não autorizado
error-unknown-caller = Envie o valor de LATCHKEY_SERVICE_SECRET como senha de HTTP Basic ou como token Bearer.

## Quem não pode conectar

refused-anonymous-title = Faça login no Jira primeiro
refused-anonymous = O Jira mostra este item a visitantes. Faça login no Jira, recarregue o item e então conecte sua conta.
refused-anonymous-admin = Ninguém tinha feito login no Jira.
refused-customer-title = Clientes do portal não podem conectar contas
refused-customer = Você usa este site como cliente da central de ajuda. Somente pessoas com uma conta do Jira podem conectar { $service }. Peça uma conta a um administrador do Jira.
refused-customer-admin = Clientes do portal não podem conectar contas neste site.
refused-app-title = Apps não podem conectar contas
refused-app = Esta é a conta de um app. Faça login no Jira com a conta de uma pessoa.
refused-app-admin = É a conta de um app.
refused-unknown-title = Você não pode conectar esta conta
refused-unknown = O Jira não informa que tipo de conta é esta. Fale com um administrador do Jira.
refused-unknown-admin = O Jira não informa que tipo de conta é esta.
refused-deactivated-title = Esta conta está desativada
refused-deactivated = Segundo o Jira, esta conta não está ativa. Fale com um administrador do Jira.
refused-deactivated-admin = A conta está desativada.
refused-group-title = Seu administrador ainda não permite que você conecte sua conta
refused-group = Os administradores deste site do Jira só permitem que membros de determinados grupos conectem { $service }. Peça a um administrador do Jira que adicione você a um deles.
refused-group-admin = A pessoa não está em nenhum dos grupos cujos membros podem conectar contas.

## Por que não há uma chave válida, para a pessoa

trouble-service-away = { $service } não responde, então não foi possível renovar a chave. Tentando novamente de forma automática.
trouble-service-waits = { $service } pediu que o app aguarde para renovar a chave. Tentando novamente de forma automática.
trouble-refused = { $service } recusa a renovação da chave e não informa o motivo. Tentando novamente de forma automática. Se a recusa continuar, será preciso reconectar.
trouble-app-refused = { $service } recusa o app, e as chaves não podem ser renovadas até que isso seja corrigido. Tentando novamente de forma automática.
trouble-no-key = { $service } não forneceu uma nova chave. Tentando novamente de forma automática.
trouble-jira-away = O Jira ainda não armazenou a nova chave. Tentando novamente de forma automática.
trouble-unknown = A chave ainda não foi renovada. Tentando novamente de forma automática.
reconnect-revoked = { $service } não aceita mais esta conexão. Ela foi encerrada lá ou expirou.
reconnect-rotation-lost = Uma resposta de { $service } se perdeu durante a renovação da chave e não será enviada outra vez.
reconnect-no-refresh-token = A chave expirou, e { $service } não permite renová-la.
reconnect-consent-ended = { $service } pergunta de tempos em tempos se você ainda concorda, e o prazo terminou. Não há nada de errado.
reconnect-restored = Esta conexão foi restaurada de um backup mais antigo que a última chave dela. Você não fez nada de errado, e nada foi encerrado em { $service }.
reconnect-keeps-refusing = A chave expirou e, desde então, { $service } recusou todas as renovações sem informar o motivo.
aside-sealed = Os dados armazenados desta conexão não podem mais ser lidos.
aside-no-outcome = Ainda não foi possível renovar a chave de { $service }. Tentando novamente de forma automática.
aside-jira-refuses = O Jira não permite que o app armazene a chave. Peça a um administrador do Jira que verifique as permissões do app.
aside-site-not-allowed = O fornecedor do app para { $service } não atende este site.
aside-too-large = A chave mais recente de { $service } é grande demais para o Jira. Reconectar não resolve: fale com o suporte.
aside-too-large-size = A chave mais recente de { $service } ocupa { $size } bytes no Jira, e o limite é de { $most }. Reconectar não resolve: fale com o suporte.
park-unauthorized = O Jira não aceita o app no momento. Tentando novamente de forma automática. Se isso continuar, peça a um administrador do Jira que reinstale o app.
park-quota = O Jira não aceita mais alterações do app nesta hora. A chave será armazenada assim que ele voltar a aceitar.
park-asked = O Jira pediu que o app aguarde. A chave será armazenada assim que possível.
park-ip-allowlist = A lista de IPs permitidos deste site do Jira bloqueia o app. Peça a um administrador da sua organização da Atlassian que adicione o endereço do app. Depois disso, a chave será armazenada.
park-not-jira = Este site do Jira não responde ao app no momento. A chave será armazenada assim que ele responder.
park-no-system-token = Faz algum tempo que o Jira não dá acesso ao app. A chave será armazenada assim que o acesso voltar, em geral dentro de uma hora.
disconnect-key-ends = A chave é excluída do seu perfil do Jira e deixa de funcionar.
disconnect-key-stays = A chave é excluída do seu perfil do Jira e não é mais renovada. Uma cópia dela pode funcionar até expirar.
disconnect-shared-others = A conexão de outra pessoa usa a mesma conta { $service }, e encerrar a sessão encerraria as duas conexões. Por isso, { $service } mantém a sessão até que a outra conexão também termine.
disconnect-shared-oneself = Sua conexão em outro site do Jira usa a mesma conta { $service }, e encerrar a sessão encerraria as duas conexões. Por isso, { $service } mantém a sessão até que a outra conexão também termine.

## O mesmo, para os administradores de um site

reconnect-revoked-admin = { $service } encerrou a conexão. A pessoa pode reconectar a conta. Se isso acontecer com muitas pessoas, pergunte ao administrador em { $service } se o app foi bloqueado lá.
reconnect-rotation-lost-admin = Uma falha de rede encerrou a conexão. A pessoa pode reconectar a conta.
reconnect-no-refresh-token-admin = { $service } não permite renovar as chaves desta pessoa. Ela pode reconectar a conta, e a conexão dura enquanto a chave for válida.
reconnect-consent-ended-admin = { $service } pergunta às pessoas de tempos em tempos se elas ainda concordam. A pessoa recebeu um aviso antes e pode reconectar a conta.
reconnect-restored-admin = Os dados do app foram restaurados de um backup mais antigo que a última chave desta conexão. A pessoa pode reconectar a conta.
reconnect-keeps-refusing-admin = A chave desta pessoa expirou e, desde então, { $service } recusa a renovação. A pessoa pode reconectar a conta. Se isso acontecer com muitas pessoas, fale com o fornecedor do app.
aside-sealed-admin = Os dados armazenados desta conexão não podem mais ser lidos. A pessoa pode reconectar.
aside-no-outcome-admin = A renovação da chave de { $service } foi interrompida três vezes seguidas. Tentando novamente de forma automática. Você não precisa fazer nada.
aside-jira-refuses-admin = O Jira não permite que o app grave a propriedade de usuário desta pessoa. Dê ao usuário do app a permissão global “Administrar o Jira” ou permita que o app aja em nome dos usuários. As renovações são retomadas automaticamente em até 15 minutos.
aside-site-not-allowed-admin = O app para { $service } não atende o endereço deste site. Fale com o fornecedor do app. Quando o endereço for atendido, as renovações serão retomadas automaticamente.
aside-too-large-admin = As chaves que { $service } dá a esta pessoa excedem o limite das propriedades de usuário do Jira. Fale com o fornecedor do app. Não é possível mudar isso aqui.
park-unauthorized-admin = O Jira recusa os tokens do app. Se o app ainda estiver instalado, reinstale-o: ele receberá um novo segredo, e as renovações serão retomadas.
park-global-quota-admin = O app usou toda a cota por hora de chamadas ao Jira para todos os sites. As chamadas são retomadas automaticamente no início da próxima hora.
park-tenant-quota-admin = O app usou toda a cota por hora de chamadas ao Jira para este site. As chamadas são retomadas automaticamente.
park-burst-admin = Apps fizeram chamadas demais a este site em pouco tempo. As chamadas são retomadas automaticamente.
park-asked-admin = Este site pediu que o app aguarde. As chamadas são retomadas automaticamente.
park-ip-allowlist-admin = A lista de IPs permitidos deste site bloqueia o app. Um administrador da organização da Atlassian precisa adicionar o endereço do servidor do app. O fornecedor do app sabe qual é. Depois disso, as chamadas são retomadas automaticamente em até um minuto.
park-not-jira-admin = O app não encontra o Jira no endereço deste site: outra página ou outro servidor responde nele. Nenhuma conta foi desconectada. Quando o Jira voltar, as chamadas serão retomadas automaticamente em até dois minutos. Se o site tiver um novo endereço, atualize o app no Jira para que ele reconheça o endereço.
park-no-system-token-admin = Faz algumas horas que a Atlassian não chama o servidor do app, então o app não pode gravar neste site. As chamadas são retomadas automaticamente com a próxima chamada de hora em hora. Se isso não acontecer, fale com o fornecedor do app.

## O que aconteceu em um site, para os administradores

event-connected = Conta { $service } conectada.
event-disconnected = Conta desconectada.
event-disconnected-admin = Conta desconectada por um administrador.
event-disconnected-jira = Conta desconectada: segundo o Jira, a conta está desativada ou não existe mais.
event-disconnected-atlassian = Conta desconectada: a Atlassian encerrou a conta do Jira.
event-disconnected-service = Conta desconectada por { $service }.
event-finished-by-another = Outra pessoa ou outro navegador voltou de { $service } com a conexão que esta pessoa iniciou. Nenhuma conta foi conectada.
event-refused = Não foi possível conectar a conta. { $why }
event-moved-from-connect = O site migrou do Atlassian Connect para o Forge com todas as conexões.
event-moved = Uma nova instalação do app assumiu todas as conexões.
event-acting = Um servidor de { $service } pode agir no Jira em nome desta pessoa ({ $scope }).
event-decided = Alteração de quem pode conectar contas. { $what }
rule-customers-allowed = Clientes do portal podem conectar contas.
rule-customers-denied = Clientes do portal não podem conectar contas.
rule-every-group = Pessoas de qualquer grupo podem conectar contas.
rule-groups = Somente membros destes grupos podem conectar contas: { $groups }.
rule-acting-denied = Os servidores de { $service } não podem agir no Jira em nome de pessoas.

## Por que o app tem as permissões

scope-read = Para ler o nome de uma pessoa, se a conta está ativa, os grupos dela (se você escolher grupos) e se quem abre esta página é administrador do Jira.
scope-write = Para armazenar a chave em uma propriedade de usuário de cada pessoa com conta conectada.
scope-delete = Para excluir essa propriedade de usuário quando uma conexão termina.
scope-act-as-user = Para gravar essa propriedade em nome da pessoa quando o Jira não permite que o próprio app faça isso, por exemplo, porque a permissão de administrador dele foi removida.
scope-read-jira-user = Para ler o nome de uma pessoa, se a conta está ativa, a chave dela e os grupos dela (se você escolher grupos).
scope-read-jira-work = Para perguntar ao Jira se quem abre esta página é administrador do Jira. O próprio app não lê itens.
scope-write-jira-work = Para armazenar a chave em uma propriedade de usuário de cada pessoa com conta conectada e para excluí-la. A Atlassian não oferece um escopo mais restrito para isso. O próprio app não grava em itens.
scope-read-app-system-token = Para chamar o Jira como app quando ninguém está vendo um item.
scope-report-personal-data = Para perguntar à Atlassian quais das contas armazenadas foram encerradas e apagar os dados delas.

## Página final, no Jira

finish-proving-title = Verificando quem você é…
finish-proving = { $app } está perguntando ao Jira quem fez login aqui.
finish-proved-title = Você voltou para o Jira
finish-signed-in = Você fez login no Jira como
finish-next = A seguir, você vê esta conta ao lado da conta em que fez login em { $service }. Nenhuma conta é conectada até você selecionar “Conectar contas” nessa página.
finish-start-again = Volte para o Jira e selecione “Conectar” novamente.
finish-look = Confira o item: se ele mostrar “Conta conectada”, está tudo pronto. Caso contrário, selecione “Conectar” novamente.
finish-over-title = Esta tentativa terminou
finish-over = Ela foi concluída ou cancelada, ou demorou demais.
finish-unauthorized-title = O Jira não conseguiu confirmar quem você é
finish-unauthorized = Recarregue esta página. Se esta mensagem aparecer novamente, peça a um administrador do Jira deste site que reinstale o app.
finish-nothing-title = Não há nada para concluir aqui
finish-nothing = O Jira abre esta página depois que você faz login em { $service }.
jira-silent-title = O Jira não responde
one-moment-title = Um momento, por favor
finish-too-many = Houve solicitações demais ao mesmo tempo.
finish-unavailable-title = Indisponível no momento
finish-unreachable-title = Sem conexão
finish-no-bridge-title = O Jira não responde a esta página
finish-no-bridge = Esta página só funciona dentro do Jira.
finish-failed-title = Algo deu errado
finish-late-title = A tentativa demorou demais
finish-late = Para sua segurança, uma tentativa termina em dez minutos ou, depois que você volta de { $service }, em cinco.
not-allowed-title = Você não pode conectar esta conta
finish-wrong-person-title = Outra pessoa iniciou esta conexão
finish-wrong-person = Você fez login no Jira como { $name }, mas outra pessoa iniciou esta conexão. Nenhuma conta foi conectada.
finish-wrong-person-unnamed = Quem fez login no Jira não é a pessoa que iniciou esta conexão. Nenhuma conta foi conectada.
finish-wrong-person-advice = Se alguém enviou você para cá, feche esta guia. Para conectar a sua própria conta, selecione “Conectar” em um item do Jira. Se você tem duas contas do Jira, faça login com a que usou no início e selecione “Conectar” novamente.

## O que dizem os scripts de todas as páginas dentro do Jira

frame-slow = Isso demorou um pouco. Selecione o botão novamente.
frame-clock-title = Um relógio está errado
frame-clock-apart = { $minutes ->
    [one] Os relógios do seu computador e do servidor do app têm um minuto de diferença. Verifique a data, a hora e o fuso horário do seu computador e recarregue a página. Se estiverem corretos, fale com o suporte.
   *[other] Os relógios do seu computador e do servidor do app têm { $minutes } minutos de diferença. Verifique a data, a hora e o fuso horário do seu computador e recarregue a página. Se estiverem corretos, fale com o suporte.
}
frame-clock-other = Segundo o relógio do servidor do app, a confirmação do Jira de quem você é expirou, e o relógio do seu computador está de acordo com o do servidor. Recarregue a página. Se isso não resolver, fale com o suporte.
frame-not-left = Nenhuma página foi aberta. Para continuar, selecione o botão novamente e permita que o Jira abra { $host }.

## Página para administradores do Jira

admin-loading = Perguntando ao Jira quem você é…
admin-refused-title = Não é possível mostrar esta página no momento
admin-refused = O servidor do app ou o Jira não responde. Tente novamente daqui a pouco.
admin-about = As pessoas conectam a conta do Jira à conta { $service } em um item. { $app } mantém uma chave temporária no perfil do Jira de cada pessoa e a renova até o fim da conexão.
admin-start-title = Primeiros passos
admin-start-connect = Abra qualquer item, encontre { $app } ao lado e selecione “Conectar”. Faça login em { $service }, volte e confirme.
admin-start-decide = Escolha abaixo quem pode conectar contas. Até lá, qualquer pessoa com conta do Jira neste site pode conectar a sua.
admin-start-allowlist = Se este site tiver uma lista de IPs permitidos, adicione os endereços indicados em “Funcionamento”.
admin-health-title = Funcionamento
admin-health-well = Tudo certo
admin-health-ill = Requer atenção
admin-health-well-text = Nada impede a renovação das chaves.
admin-health-waits = Há chamadas em espera:
admin-health-disabled = O app está desativado neste site. Ative-o em “Gerenciar apps”. Até lá, as chaves não são renovadas.
admin-health-next-try = Próxima tentativa: { $time }.
admin-site = Site
admin-door = Instalado como
admin-door-forge = App do Forge
admin-door-connect = App do Atlassian Connect
admin-writes-as = Quem armazena as chaves
admin-writes-as-person = Cada pessoa: o Jira não permite que o usuário do app grave a propriedade. Para mudar isso, dê a esse usuário a permissão “Administrar o Jira”.
admin-writes-as-app = O usuário do app
admin-connections = Conexões
admin-people = { $count ->
    [one] { $count } pessoa
   *[other] { $count } pessoas
}
admin-reconnect-count = { $count ->
    [one] { $count } precisa reconectar
   *[other] { $count } precisam reconectar
}
admin-expired-count = { $count ->
    [one] { $count } chave expirou
   *[other] { $count } chaves expiraram
}
admin-allowlist = Lista de IPs permitidos
admin-allowlist-ask = Se este site tiver uma, pergunte ao fornecedor do app quais endereços adicionar.
admin-links-title = Quem tem conta conectada
admin-search = Pesquisar
admin-search-hint = Nome ou ID da conta
admin-show = Mostrar
admin-show-all = Todas as pessoas
admin-show-connected = Conectadas
admin-show-trouble = Conectadas, com problema
admin-show-reconnect = Precisam reconectar
admin-links-table = Tabela de pessoas com conta conectada
admin-person = Pessoa
admin-account = Conta { $service }
admin-state = Status
admin-since = Desde
key-valid-until = Chave válida até
admin-state-connected = Conectada
admin-state-connecting = Conectando
admin-state-expired = Chave expirada
admin-state-reconnect = Precisa reconectar
admin-links-none = Ninguém conectou uma conta ainda.
admin-links-not-found = Nenhum resultado.
admin-links-found = { $count ->
    [one] { $count } pessoa encontrada
   *[other] { $count } pessoas encontradas
}
admin-links-found-more = { $count ->
    [one] { $count } pessoa encontrada, e há mais
   *[other] { $count } pessoas encontradas, e há mais
}
admin-links-of = { $count ->
    [one] { $shown } de { $count } pessoa
   *[other] { $shown } de { $count } pessoas
}
admin-first-page = Primeira página
admin-next-page = Próxima página
admin-find-left = Encontrar contas desativadas
admin-end-all = Desconectar todas as contas
admin-close = Fechar
admin-ask-one = Desconectar a conta de { $name }?
admin-ended-one = A conta de { $name } foi desconectada.
admin-ask-all = { $count ->
    [one] Desconectar todas as contas? { $count } conexão será encerrada em definitivo. A chave será excluída do Jira e deixará de funcionar, e a pessoa precisará conectar a conta novamente.
   *[other] Desconectar todas as contas? { $count } conexões serão encerradas em definitivo. As chaves serão excluídas do Jira e deixarão de funcionar, e cada pessoa precisará conectar a conta novamente.
}
admin-ending-all = { $count ->
    [one] { $count } conta desconectada. Restantes: { $left }…
   *[other] { $count } contas desconectadas. Restantes: { $left }…
}
admin-ended-all = { $count ->
    [one] Todas as contas foram desconectadas: { $count } conexão.
   *[other] Todas as contas foram desconectadas: { $count } conexões.
}
admin-checked = { $count ->
    [one] { $count } pessoa verificada…
   *[other] { $count } pessoas verificadas…
}
admin-nobody-left = { $count ->
    [one] Nenhuma conta desativada: o Jira reconhece { $count } pessoa, e a conta dela está ativa.
   *[other] Nenhuma conta desativada: o Jira reconhece todas as { $count } pessoas, e as contas delas estão ativas.
}
admin-left = { $count ->
    [one] { $count } pessoa tem uma conta do Jira desativada ou excluída.
   *[other] { $count } pessoas têm uma conta do Jira desativada ou excluída.
}
admin-left-more = e mais { $count }
admin-end-left = { $count ->
    [one] Desconectar esta conta
   *[other] Desconectar estas contas
}
admin-ended-left = { $count ->
    [one] A conta de { $count } pessoa foi desconectada.
   *[other] As contas de { $count } pessoas foram desconectadas.
}
admin-rule-title = Quem pode conectar contas
admin-customers = Clientes do portal do Jira Service Management podem conectar contas
admin-customers-note = Essas pessoas usam este site pela central de ajuda e não têm uma conta própria do Jira.
admin-act-as = Os servidores de { $service } podem agir no Jira em nome de pessoas com conta conectada
admin-act-as-note = Eles não podem fazer mais do que a própria pessoa. Cada autorização aparece em “Histórico”.
admin-groups = Somente membros destes grupos
admin-groups-note = Digite um grupo por linha, pelo nome ou pelo ID. Deixe em branco para que todas as pessoas possam conectar contas. O app consulta o Jira a cada tentativa, e as contas que já estão conectadas continuam conectadas.
admin-save = Salvar
admin-saved = Salvo.
admin-events-title = Histórico
admin-events-days = { $days ->
    [one] Mantido por { $days } dia.
   *[other] Mantido por { $days } dias.
}
admin-events-table = Tabela do histórico
admin-when = Quando
admin-what = O quê
admin-by = Por
admin-by-person = A pessoa
admin-by-admin = Um administrador
admin-by-service = { $service }
admin-by-jira = Jira
admin-by-atlassian = Atlassian
admin-by-app = { $app }
admin-events-none = Nada aconteceu ainda.
admin-export-csv = Exportar CSV
admin-export-lines = Exportar JSON Lines
admin-file-saved = O arquivo { $file } foi salvo.
admin-scopes-title = O que { $app } pode fazer no Jira e por quê
admin-scopes-table = Tabela de permissões
admin-permission = Permissão
admin-why = Motivo
admin-no-issue = O app não lê itens, comentários nem anexos.
