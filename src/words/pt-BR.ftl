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
connected-as = Conectado como { $name }
still-connected = Você continua conectado ao { $service } como { $name }.
nothing-connected = Nada foi conectado.
nothing-connected-yet = Nada foi conectado ainda. Tente novamente daqui a pouco.
try-again-soon = Não funcionou. Tente novamente daqui a pouco.

## Painel em um item

button-connect = Conectar
button-reconnect = Reconectar
panel-checking = Verificando sua conexão…
panel-unreachable = Não foi possível acessar o { $app }
panel-offline = Você está off-line
panel-retrying = Tentando novamente de forma automática.
panel-retry-at = Nova tentativa às { $time }.
panel-retry-online = Isto será atualizado quando você voltar a ficar on-line.
panel-retry-reload = Tentando novamente de forma automática. Se isso não ajudar, recarregue o item.
panel-unfinished = Você não terminou de conectar, então nada foi conectado.
panel-unfinished-stays = Você não terminou de conectar. A conta { $name } continua conectada.
panel-unfinished-unchanged = Você não terminou de conectar, então nada mudou.
panel-cancelled = Cancelado. Nada foi conectado.
panel-cancelled-stays = Cancelado. A conta { $name } continua conectada.
panel-cancelled-unchanged = Cancelado. Nada mudou.
panel-left-shared = Desconectado. A chave não é mais renovada. O { $service } mantém a sessão até que a outra conexão com a mesma conta termine.
panel-left-retried = Desconectado. A chave não é mais renovada. O { $service } ou o Jira ainda não confirmou que a última chave foi removida. Tentando novamente de forma automática.
panel-connect-title = Conecte sua conta do { $service }
panel-connect = Use o { $service } no Jira com a sua própria conta. O { $app } mantém uma chave temporária no seu perfil do Jira e a renova até você se desconectar.
panel-connecting = Conectando…
panel-finish-in-tab = Termine na guia que foi aberta: entre no { $service }, volte para o Jira e confirme.
panel-tab-lost = Fechou ou perdeu a guia? Recomece ou cancele.
panel-arriving = Conectando { $name }…
panel-arriving-text = O Jira ainda não tem a sua chave. Tentando novamente de forma automática.
panel-purpose = Você pode usar o { $service } no Jira com a sua própria conta.
panel-consent = Sua conexão com o { $service } termina em { $date }. Reconecte para mantê-la.
panel-account = Conta
panel-expired-at = Expirada
panel-since = A chave expirou: { $time }.
panel-was = Última conexão como { $name }.
panel-switching = Conectando outra conta…
panel-reconnecting = Reconectando…
panel-stays = A conta { $name } continua conectada até você terminar.
panel-switching-text = Termine na guia que foi aberta. Fechou ou perdeu a guia? Recomece ou cancele.
panel-not-installed-title = O { $app } não está instalado corretamente
panel-not-installed = Recarregue o item. Se isto aparecer de novo, peça a um administrador do Jira deste site que reinstale o { $app }.
panel-renewing = Renovando a chave…
panel-renewed = A chave foi renovada.
panel-manage = Gerenciar
panel-renew-now = Renovar agora
panel-disconnect-ask = Desconectar o { $service }?
panel-details = Detalhes
panel-service = Serviço
panel-renewed-at = Renovada
panel-key-number = Número da chave
panel-blocked-title = Nenhuma guia nova foi aberta.
panel-blocked = Seu navegador pode tê-la bloqueado. Procure um ícone na barra de endereço, permita pop-ups para este site do Jira e selecione o botão novamente.
panel-ask-admin = Fale com um administrador do Jira deste site.
panel-reconnect-default = Não foi possível renovar a chave. Reconecte para corrigir isso.
panel-flag-reconnect = Sua conexão com o { $service } precisa de você. Selecione “Reconectar” neste item.
panel-flag-expired = O painel neste item informa o motivo.
panel-flag-works = Sua conexão com o { $service } voltou a funcionar

## Página de conexão

link-title = Conectar o { $service } ao Jira
link-page-title = Conectar o { $service }
link-connected-as = Você está conectado ao { $service } como { $name }. Isso não muda até você conectar outra conta.
link-awaits-jira-title = Você entrou no { $service }, mas o Jira ainda não confirmou quem você é.
link-awaits-jira = Se a página do Jira ainda estiver aberta em outra guia, continue por lá. Caso contrário, selecione “Continuar” para entrar novamente.
link-for = Você está conectando esta conta do Jira
link-not-you = Não é você ou não é o seu site? Então outra pessoa iniciou isto. Selecione “Cancelar”.
link-shared-title = O que será compartilhado
link-shared-key = Uma chave temporária do { $service } é armazenada no seu perfil do Jira neste site.
link-shared-readers = Você, os administradores deste site e os apps com permissões de administrador podem lê-la.
link-shared-renewed = O { $app } a renova até você se desconectar.
link-shared-renewed-issue = O { $app } a renova até você se desconectar, o que pode ser feito em { $issue } ou em qualquer outro item.
link-log-out-title = Para conectar outra conta, saia do { $service } primeiro.
link-log-out = Abra o { $service } em outra guia e saia da conta. Depois, selecione “Continuar” aqui. Caso contrário, o { $service } usa a conta em que você já entrou.
link-next-choose = A seguir, o { $service } pergunta qual conta usar. Depois, você volta para o Jira e, por fim, para cá, para confirmar.
link-next = A seguir, entre no { $service }. Depois, você volta para o Jira e, por fim, para cá, para confirmar.

## Página com as duas contas

both-title = Conectar estas duas contas?
both-check = Confira se as duas são suas. Nada é conectado até você selecionar “Conectar contas”.
both-connect = Conectar contas
both-elsewhere-title = O Jira confirmou isto de outra rede ou de outro navegador.
both-elsewhere = Se você não abriu o Jira em outro lugar agora há pouco, alguém pode estar tentando conectar a sua conta do { $service } à dele. Selecione “Cancelar”.
both-replaces = { $old } está conectada agora e será substituída por { $new }. A chave de { $old } deixará de funcionar.
both-shared-one = { $first }, neste site, também está conectado a esta conta. As duas conexões funcionarão.
both-shared-two = { $first } e { $second }, neste site, também estão conectados a esta conta. Todas as conexões funcionarão.
both-shared-three = { $first }, { $second } e { $third }, neste site, também estão conectados a esta conta. Todas as conexões funcionarão.
both-stored = O { $app } armazenará uma chave temporária do { $service } neste perfil do Jira. Os administradores do site podem lê-la.
both-not-yours = Não é a sua conta do Jira ou não é o seu site? Então outra pessoa iniciou isto. Selecione “Cancelar”.
both-log-out = Para usar outra conta, saia antes do { $service } em outra guia. Caso contrário, o { $service } usa a conta em que você já entrou.
both-no-script = Permita JavaScript nesta página para conectar. Isso garante que você veja esta página antes de selecionar “Conectar contas”.

## Enquanto o serviço é consultado

waiting-title = Perguntando ao { $service } quem você é…
waiting-text = Para { $site }. Esta página recarrega automaticamente. Nada é conectado até você confirmar.

## No que deu uma tentativa

key-expired-title = Sua chave do { $service } expirou
over-jira-waits = O Jira ainda não armazenou a chave. Tentando novamente de forma automática. O item mostrará quando ela estiver lá.
over-renews = O { $app } renova sua chave até você se desconectar, o que pode ser feito em qualquer item.
over-renews-issue = O { $app } renova sua chave até você se desconectar, o que pode ser feito em { $issue } ou em qualquer outro item.
reconnect-title = Reconectar o { $service }
over-reconnect = Abra um item no Jira e selecione “Reconectar”.
over-disconnected-title = Você desconectou o { $service }
over-disconnected = Sua conta foi conectada aqui e depois desconectada. Para conectá-la de novo, abra um item no Jira e selecione “Conectar”.
over-cancelled-title = Cancelado
over-replaced-title = Você recomeçou em outra guia
over-replaced = Esta página é a mais antiga e não pode mais ser usada.
over-refused-title = Esta tentativa foi interrompida
over-refused = Ela não voltou ao Jira da forma como foi iniciada, por isso foi interrompida para sua segurança.
over-failed-title = Esta tentativa terminou
over-failed = O { $service } não a concluiu ou ela demorou demais.
over-failed-again = Para tentar de novo, abra um item no Jira e selecione “Conectar”.
over-ended = Isso encerrou esta tentativa.
over-disconnected-meanwhile-title = Você se desconectou nesse meio-tempo
over-uninstalled-title = O app foi removido ou reinstalado nesse meio-tempo
over-newer = Continuar com a mais recente

## Erros

button-start-again = Recomeçar
error-look-again = Mostrar a página atual
error-unauthorized-title = O Jira não confirmou quem você é
error-unauthorized = Recarregue o item no Jira e tente novamente. Se isso se repetir, confira a data e a hora do seu computador. Se estiverem certas, peça a um administrador do Jira que reinstale o app.
error-old-panel = Se este site tiver o novo app { $app }, use o painel dele no item em vez deste: todas as pessoas que estavam conectadas continuam conectadas lá. Caso contrário, recarregue o item e confira a data e a hora do seu computador. Se isso se repetir, peça a um administrador do Jira que verifique o app.
error-wrong-caller-title = Este endereço não aceita esta chamada
error-wrong-caller = Ele aceita chamadas de outro tipo: da página de uma pessoa ou do próprio Forge.
error-setting-up-title = O app está sendo configurado para este site
error-setting-up = Isso leva alguns minutos após uma instalação, no máximo uma hora. Tente novamente depois.
error-not-served-title = O app não atende este site
error-not-served = Esta instalação do app foi substituída ou o fornecedor do app não atende este site do Jira. Peça a um administrador do Jira que verifique o app ou fale com o suporte.
error-not-admin-title = Somente administradores do Jira podem usar esta página
error-not-admin = Segundo o Jira, você não tem a permissão global “Administrar o Jira” neste site. Se você a tiver, peça a outro administrador que verifique se o app pode ler permissões.
error-wrong-person-title = Outra pessoa iniciou esta conexão
error-wrong-person = Outra pessoa começou a conectar. Nada foi conectado. Para conectar a sua própria conta, abra um item e selecione “Conectar”.
error-wrong-person-name = Você entrou no Jira como { $name }, e outra pessoa começou a conectar. Nada foi conectado. Para conectar a sua própria conta, abra um item e selecione “Conectar”.
error-wrong-browser-title = Esta página não pertence a este navegador
error-wrong-browser = Ela foi aberta em outro navegador ou há mais de uma hora, ou seu navegador bloqueia os cookies deste site. Nada foi conectado. Permita os cookies aqui, se você os bloqueia. Depois, abra o item no Jira e selecione “Conectar” novamente.
error-denied-title = Você não permitiu o acesso
error-denied = Você não permitiu o acesso no { $service }, então nada foi conectado. Se foi um engano, abra o item no Jira e selecione “Conectar” novamente.
error-cross-site-title = Esta solicitação veio de outro site
error-cross-site = Nada foi alterado. Abra o item no Jira e selecione “Conectar” por lá.
error-attempt-over-title = Esta tentativa de conexão terminou
error-attempt-over = Ela foi concluída, cancelada ou recomeçada em outro lugar, ou demorou demais. Se o item no Jira não mostrar você como conectado, selecione “Conectar” de novo por lá.
error-timed-out-title = Demorou demais
error-timed-out = Para sua segurança, uma tentativa de conexão termina após dez minutos, e após cinco depois que você volta do serviço. Esta tentativa não conectou nada. Se o item no Jira não mostrar você como conectado, selecione “Conectar” por lá e termine sem uma pausa longa.
error-code-expired-title = Demorou demais
error-code-expired = O { $service } mantém um acesso em espera por pouco tempo, e esse tempo acabou. Nada foi conectado. Recomece e continue assim que voltar ao Jira.
error-out-of-date-title = Esta página está desatualizada
error-out-of-date = Algo mudou desde que esta página foi exibida, então seu clique não conectou nada. Veja a página atual.
error-ahead-title = Esta página não é carregada com antecedência
error-ahead = Abra-a você mesmo.
error-not-linked-title = Nenhuma conta está conectada
error-not-linked = Não há chave. Selecione “Conectar” primeiro.
error-bad-request-title = Não foi possível entender a solicitação
error-rule-customers = O fornecedor do app não permite que clientes do portal se conectem.
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
error-too-many = Espere um momento e tente novamente.
error-crowded-title = Há solicitações demais em espera
error-crowded = Nada foi alterado. Espere um momento e tente novamente.
error-service-refused-title = O { $service } não conseguiu concluir a solicitação
error-service-refused = O { $service } não aceitou a solicitação. Nada foi conectado. Para tentar de novo, selecione “Conectar” no item.
error-scope-refused-title = O { $service } não permite o que o app pede
error-scope-refused = O { $service } recusou uma das permissões que o app pede, então nada foi conectado. Talvez sua organização no { $service } não permita, ou o app peça demais. Tentar de novo não ajuda: fale com o suporte e informe o código abaixo.
error-app-refused-title = O { $service } não aceita este app
error-app-refused = O { $service } recusa o próprio app, para todas as pessoas. Nada foi conectado. Tentar de novo não ajuda até que isso seja corrigido: fale com o suporte e informe o código abaixo.
error-key-too-large-title = A chave é grande demais para o Jira
error-key-too-large = A chave do { $service } precisa de { $size } bytes no Jira, e o Jira aceita { $most }. Nada foi conectado, e a chave foi revogada. Tentar de novo não ajuda: fale com o suporte e informe o código abaixo.
error-service-unreachable-title = Não foi possível acessar o { $service }
error-service-unreachable = O { $service } não responde no momento. Tente novamente em um minuto.
error-jira-unreachable-title = Não foi possível acessar o Jira
error-jira-unreachable = O Jira não responde no momento. Tente novamente em um minuto.
error-ip-allowlist-title = Este site do Jira bloqueia o app
error-ip-allowlist = Uma lista de IPs permitidos protege este site e não inclui o endereço do servidor do app. Nada foi alterado. Peça a um administrador da sua organização da Atlassian que adicione o endereço. O fornecedor do app o conhece.
error-jira-busy-title = O Jira pede que o app espere
error-jira-busy = { $minutes ->
    [one] O Jira limita a frequência com que apps podem chamá-lo. Nada foi perdido, e o que está conectado continua conectado. Tente novamente em um minuto.
   *[other] O Jira limita a frequência com que apps podem chamá-lo. Nada foi perdido, e o que está conectado continua conectado. Tente novamente em { $minutes } minutos.
}
error-unavailable-title = Indisponível no momento
error-unavailable = Nada foi perdido. Tente novamente em um minuto.
error-not-ready-title = Ainda não está pronto
error-internal-title = Algo deu errado
error-internal = Registramos o que aconteceu. Tente novamente. Se isso se repetir, fale com o suporte.
error-unknown-caller-title = Não autorizado
error-unknown-caller = Envie o valor de LATCHKEY_INTROSPECTION_SECRET como senha do HTTP Basic ou como token de portador.

## Quem não pode conectar

refused-anonymous-title = Entre no Jira primeiro
refused-anonymous = O Jira mostra este item a visitantes. Entre no Jira, recarregue o item e conecte sua conta.
refused-anonymous-admin = Ninguém havia entrado no Jira.
refused-customer-title = Clientes do portal não podem conectar
refused-customer = Você usa este site como cliente da central de ajuda. Somente pessoas com uma conta do Jira podem conectar o { $service }. Peça uma conta a um administrador do Jira.
refused-customer-admin = Clientes do portal não podem conectar neste site.
refused-app-title = Apps não podem conectar
refused-app = Esta é a conta de um app. Entre no Jira como pessoa.
refused-app-admin = É a conta de um app.
refused-unknown-title = Você não pode conectar esta conta
refused-unknown = O Jira não informa que tipo de conta é esta. Fale com um administrador do Jira.
refused-unknown-admin = O Jira não informa que tipo de conta é esta.
refused-deactivated-title = Esta conta está desativada
refused-deactivated = Segundo o Jira, esta conta não está ativa. Fale com um administrador do Jira.
refused-deactivated-admin = A conta está desativada.
refused-group-title = Seu administrador ainda não permite que você conecte
refused-group = Os administradores deste site do Jira só permitem que membros de determinados grupos conectem o { $service }. Peça a um administrador do Jira que adicione você a um deles.
refused-group-admin = A pessoa não está em nenhum dos grupos cujos membros podem conectar.

## Por que não há uma chave válida, para a pessoa

trouble-service-away = O { $service } não responde, então não foi possível renovar a chave. Tentando novamente de forma automática.
trouble-service-waits = O { $service } pediu que o app espere antes de renovar a chave. Tentando novamente de forma automática.
trouble-refused = O { $service } se recusa a renovar a chave e não diz por quê. Tentando novamente de forma automática. Se ele continuar recusando, você será solicitado a reconectar.
trouble-app-refused = O { $service } recusa o app, então as chaves não podem ser renovadas até que isso seja corrigido. Tentando novamente de forma automática.
trouble-no-key = O { $service } não forneceu uma nova chave. Tentando novamente de forma automática.
trouble-jira-away = O Jira ainda não armazenou a nova chave. Tentando novamente de forma automática.
trouble-unknown = A chave ainda não foi renovada. Tentando novamente de forma automática.
reconnect-revoked = O { $service } não aceita mais esta conexão. Ela foi encerrada por lá ou expirou.
reconnect-rotation-lost = Uma resposta do { $service } se perdeu enquanto a chave era renovada, e o { $service } não a repete.
reconnect-no-refresh-token = A chave expirou, e o { $service } não permite renová-la.
reconnect-consent-ended = O { $service } pergunta de vez em quando se você ainda concorda, e o prazo terminou. Não há nenhum erro.
reconnect-restored = Esta conexão foi restaurada de um backup mais antigo que a última chave. Você não fez nada de errado, e nada foi encerrado no { $service }.
reconnect-keeps-refusing = A chave expirou, e desde então o { $service } se recusou todas as vezes a renová-la, sem dizer por quê.
aside-sealed = Os dados armazenados desta conexão não podem mais ser lidos.
aside-no-outcome = Ainda não foi possível renovar a chave do { $service }. Tentando novamente de forma automática.
aside-jira-refuses = O Jira não permite que o app armazene a chave. Um administrador do Jira pode verificar as permissões do app.
aside-site-not-allowed = O fornecedor do app para o { $service } não atende este site.
aside-too-large = A chave mais recente do { $service } é grande demais para o Jira. Reconectar não ajuda: fale com o suporte.
aside-too-large-size = A chave mais recente do { $service } precisa de { $size } bytes no Jira, e o Jira aceita { $most }. Reconectar não ajuda: fale com o suporte.
park-unauthorized = O Jira não aceita o app no momento. Tentando novamente de forma automática. Se isso continuar, um administrador do Jira pode reinstalar o app.
park-quota = O Jira não aceita mais alterações do app nesta hora. A chave virá assim que ele aceitar.
park-asked = O Jira pediu que o app espere. A chave virá assim que possível.
park-ip-allowlist = A lista de IPs permitidos deste site do Jira bloqueia o app. Peça a um administrador da sua organização da Atlassian que adicione o endereço do app. Depois disso, a chave virá.
park-not-jira = Este site do Jira não responde ao app no momento. A chave virá assim que ele responder.
park-no-system-token = Faz algum tempo que o Jira não deixa o app entrar. A chave virá assim que ele deixar, em geral dentro de uma hora.
disconnect-key-ends = A chave é excluída do seu perfil do Jira e deixa de funcionar.
disconnect-key-stays = A chave é excluída do seu perfil do Jira e não é renovada. Uma cópia dela pode funcionar até expirar.
disconnect-shared-others = A conexão de outra pessoa usa a mesma conta do { $service }, e encerrar a sessão encerraria as duas. Por isso, o { $service } mantém a sessão até que essa conexão também termine.
disconnect-shared-oneself = Sua conexão em outro site do Jira usa a mesma conta do { $service }, e encerrar a sessão encerraria as duas. Por isso, o { $service } mantém a sessão até que essa conexão também termine.

## O mesmo, para os administradores de um site

reconnect-revoked-admin = O { $service } encerrou a conexão. A pessoa pode reconectar. Se isso acontecer com muitas pessoas, pergunte ao seu administrador do { $service } se o app foi bloqueado por lá.
reconnect-rotation-lost-admin = Uma falha de rede encerrou a conexão. A pessoa pode reconectar.
reconnect-no-refresh-token-admin = O { $service } não permite renovar as chaves desta pessoa. A pessoa pode reconectar pelo tempo que uma chave durar.
reconnect-consent-ended-admin = O { $service } pergunta de vez em quando às pessoas se ainda concordam. A pessoa foi avisada com antecedência e pode reconectar.
reconnect-restored-admin = Os dados do app foram restaurados de um backup mais antigo que a última chave desta conexão. A pessoa pode reconectar.
reconnect-keeps-refusing-admin = O { $service } se recusa a renovar a chave desta pessoa desde que ela expirou. A pessoa pode reconectar. Se isso acontecer com muitas pessoas, fale com o fornecedor do app.
aside-sealed-admin = Os dados armazenados desta conexão não podem mais ser lidos. A pessoa pode reconectar.
aside-no-outcome-admin = A renovação da chave do { $service } foi interrompida três vezes seguidas. Tentando novamente de forma automática. Você não precisa fazer nada.
aside-jira-refuses-admin = O Jira não permite que o app grave a propriedade de usuário desta pessoa. Dê ao usuário do app a permissão global “Administrar o Jira” ou permita que o app aja em nome dos usuários. As renovações continuam automaticamente em até 15 minutos.
aside-site-not-allowed-admin = O app para o { $service } não atende o endereço deste site. Fale com o fornecedor do app. As renovações continuam automaticamente quando ele atender.
aside-too-large-admin = As chaves que o { $service } dá a esta pessoa são maiores do que as propriedades de usuário do Jira permitem. Fale com o fornecedor do app. Não é possível mudar isso aqui.
park-unauthorized-admin = O Jira recusa os tokens do app. Se o app ainda estiver instalado, reinstale-o: ele recebe um novo segredo, e as renovações continuam.
park-global-quota-admin = O app usou a cota por hora de chamadas ao Jira para todos os sites. As chamadas continuam automaticamente na hora cheia.
park-tenant-quota-admin = O app usou a cota por hora de chamadas ao Jira para este site. As chamadas continuam automaticamente.
park-burst-admin = Apps chamaram este site vezes demais em pouco tempo. As chamadas continuam automaticamente.
park-asked-admin = Este site pediu que o app espere. As chamadas continuam automaticamente.
park-ip-allowlist-admin = A lista de IPs permitidos deste site bloqueia o app. Um administrador da organização da Atlassian precisa adicionar o endereço do servidor do app. O fornecedor do app o conhece. As chamadas continuam automaticamente em até um minuto.
park-not-jira-admin = O app não chega ao Jira no endereço deste site: outra página ou outro servidor responde por lá. Ninguém foi desconectado. As chamadas continuam automaticamente em até dois minutos depois que o Jira voltar. Se o site tiver um novo endereço, atualize o app no Jira para que ele o conheça.
park-no-system-token-admin = Faz algumas horas que a Atlassian não chama o servidor do app, então o app não pode gravar neste site. As chamadas continuam automaticamente com a próxima chamada de hora em hora. Se não continuarem, fale com o fornecedor do app.

## O que aconteceu em um site, para os administradores

event-connected = Conectou uma conta do { $service }.
event-disconnected = Desconectou-se.
event-disconnected-admin = Desconectado por um administrador.
event-disconnected-jira = Desconectado: segundo o Jira, a conta está desativada ou não existe mais.
event-disconnected-atlassian = Desconectado: a Atlassian encerrou a conta.
event-disconnected-service = Desconectado pelo { $service }.
event-finished-by-another = Outra pessoa voltou do { $service } com o que esta pessoa havia iniciado, ou de outro navegador. Nada foi conectado.
event-refused = Não conseguiu conectar. { $why }
event-moved-from-connect = O site mudou do Atlassian Connect para o Forge com todas as conexões.
event-moved = Uma nova instalação do app assumiu todas as conexões.
event-decided = Mudou quem pode conectar. { $what }
rule-customers-allowed = Clientes do portal podem conectar.
rule-customers-denied = Clientes do portal não podem conectar.
rule-every-group = Pessoas de qualquer grupo podem conectar.
rule-groups = Somente membros destes grupos podem conectar: { $groups }.

## Por que o app tem as permissões

scope-read = Para ler o nome de uma pessoa e se a conta está ativa, em quais grupos ela está, se você escolher grupos, e se quem abre esta página é administrador do Jira.
scope-write = Para armazenar a chave em uma propriedade de usuário de cada pessoa conectada.
scope-delete = Para excluir essa propriedade de usuário quando uma conexão termina.
scope-act-as-user = Para gravar essa propriedade em nome da pessoa quando o Jira não permite isso ao próprio app, por exemplo, porque a permissão de administrador dele foi removida.
scope-read-jira-user = Para ler o nome de uma pessoa, se a conta está ativa e a chave dela, e em quais grupos ela está, se você escolher grupos.
scope-read-jira-work = Para perguntar ao Jira se quem abre esta página é administrador do Jira. O app não lê itens.
scope-write-jira-work = Para armazenar a chave em uma propriedade de usuário de cada pessoa conectada e para excluí-la. A Atlassian não tem um escopo mais restrito para isso. O app não grava itens.
scope-read-app-system-token = Para chamar o Jira como app enquanto ninguém está vendo um item.
scope-report-personal-data = Para perguntar à Atlassian quais das contas armazenadas foram encerradas e apagá-las.

## Página final, no Jira

finish-proving-title = Verificando quem você é…
finish-proving = O { $app } pergunta ao Jira quem entrou aqui.
finish-proved-title = Você voltou para o Jira
finish-signed-in = Você entrou no Jira como
finish-next = A seguir, você verá esta conta ao lado daquela com que entrou no { $service }. Nada é conectado até você selecionar “Conectar contas” por lá.
finish-start-again = Volte para o Jira e selecione “Conectar” novamente.
finish-look = Veja o item: se ele disser “Conectado”, está tudo pronto. Caso contrário, selecione “Conectar” novamente.
finish-over-title = Esta tentativa terminou
finish-over = Ela foi concluída ou cancelada, ou demorou demais.
finish-unauthorized-title = O Jira não conseguiu confirmar quem você é
finish-unauthorized = Recarregue esta página. Se isto aparecer de novo, peça a um administrador do Jira deste site que reinstale o app.
finish-nothing-title = Não há nada para terminar aqui
finish-nothing = O Jira abre esta página depois que você entra no { $service }.
jira-silent-title = O Jira não responde
one-moment-title = Um momento, por favor
finish-too-many = Houve solicitações demais ao mesmo tempo.
finish-unavailable-title = Indisponível no momento
finish-unreachable-title = Sem conexão
finish-no-bridge-title = O Jira não responde a esta página
finish-no-bridge = Esta página só funciona dentro do Jira.
finish-failed-title = Algo deu errado
finish-late-title = Demorou demais
finish-late = Para sua segurança, uma tentativa termina após dez minutos, e após cinco depois que você volta do { $service }.
not-allowed-title = Você não pode conectar esta conta
finish-wrong-person-title = Outra pessoa iniciou isto
finish-wrong-person = Você entrou no Jira como { $name }, mas outra pessoa iniciou isto. Nada foi conectado.
finish-wrong-person-unnamed = Você entrou no Jira como uma pessoa diferente da que iniciou isto. Nada foi conectado.
finish-wrong-person-advice = Se alguém enviou você para cá, feche esta guia. Para conectar a sua própria conta, selecione “Conectar” em um item do Jira. Se você tiver duas contas do Jira, entre com aquela com que começou e selecione “Conectar” novamente.

## O que dizem os scripts de todas as páginas dentro do Jira

frame-slow = Demorou um momento. Selecione o botão novamente.
frame-clock-title = Há um relógio errado
frame-clock-apart = { $minutes ->
    [one] Os relógios do seu computador e do servidor do app têm uma diferença de um minuto. Confira a data, a hora e o fuso horário do seu computador e recarregue a página. Se estiverem certos, fale com o suporte.
   *[other] Os relógios do seu computador e do servidor do app têm uma diferença de { $minutes } minutos. Confira a data, a hora e o fuso horário do seu computador e recarregue a página. Se estiverem certos, fale com o suporte.
}
frame-clock-other = Segundo o relógio do servidor do app, a confirmação do Jira de quem você é expirou, e seu computador concorda com esse relógio. Recarregue a página. Se isso não ajudar, fale com o suporte.
frame-not-left = Nada foi aberto. Para continuar, selecione o botão novamente e deixe o Jira abrir { $host }.

## Página para administradores do Jira

admin-loading = Perguntando ao Jira quem você é…
admin-refused-title = Não é possível mostrar esta página no momento
admin-refused = O servidor do app ou o Jira não responde. Tente novamente daqui a pouco.
admin-about = As pessoas conectam a conta do Jira à conta do { $service } em um item. O { $app } mantém uma chave temporária no perfil do Jira delas e a renova até a conexão terminar.
admin-start-title = Primeiros passos
admin-start-connect = Abra qualquer item, encontre o { $app } ao lado e selecione “Conectar”. Entre no { $service }, volte e confirme.
admin-start-decide = Escolha abaixo quem pode conectar. Até lá, qualquer pessoa com uma conta do Jira aqui pode.
admin-start-allowlist = Se este site tiver uma lista de IPs permitidos, adicione os endereços que estão em “Integridade”.
admin-health-title = Integridade
admin-health-well = Funcionando
admin-health-ill = Requer atenção
admin-health-well-text = Nada impede que as chaves sejam renovadas.
admin-health-waits = Há chamadas em espera:
admin-health-disabled = O app está desativado neste site. Ative-o em “Gerenciar apps”. Até lá, as chaves não são renovadas.
admin-health-next-try = Próxima tentativa: { $time }.
admin-site = Site
admin-door = Instalado como
admin-door-forge = App do Forge
admin-door-connect = App do Atlassian Connect
admin-writes-as = Chaves armazenadas por
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
admin-links-title = Quem está conectado
admin-search = Pesquisar
admin-search-hint = Nome ou ID da conta
admin-show = Mostrar
admin-show-all = Todas as pessoas
admin-show-connected = Conectadas
admin-show-trouble = Conectadas, com um problema
admin-show-reconnect = Precisam reconectar
admin-links-table = Tabela de pessoas conectadas
admin-person = Pessoa
admin-account = Conta do { $service }
admin-state = Status
admin-since = Desde
key-valid-until = Chave válida até
admin-state-connected = Conectado
admin-state-connecting = Conectando
admin-state-expired = Chave expirada
admin-state-reconnect = Precisa reconectar
admin-links-none = Ninguém se conectou ainda.
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
admin-find-left = Encontrar pessoas que saíram
admin-end-all = Desconectar todas as pessoas
admin-close = Fechar
admin-ask-one = Desconectar { $name }?
admin-ended-one = { $name } foi desconectado.
admin-ask-all = { $count ->
    [one] Desconectar todas as pessoas? { $count } conexão termina definitivamente. A chave é excluída do Jira e deixa de funcionar, e a pessoa precisa conectar novamente.
   *[other] Desconectar todas as pessoas? { $count } conexões terminam definitivamente. As chaves são excluídas do Jira e deixam de funcionar, e cada pessoa precisa conectar novamente.
}
admin-ending-all = { $count ->
    [one] { $count } conexão terminou, faltam { $left }…
   *[other] { $count } conexões terminaram, faltam { $left }…
}
admin-ended-all = { $count ->
    [one] Todas as pessoas foram desconectadas: { $count } conexão.
   *[other] Todas as pessoas foram desconectadas: { $count } conexões.
}
admin-checked = { $count ->
    [one] { $count } pessoa verificada…
   *[other] { $count } pessoas verificadas…
}
admin-nobody-left = { $count ->
    [one] Ninguém saiu: o Jira conhece esta { $count } pessoa, e a conta dela está ativa.
   *[other] Ninguém saiu: o Jira conhece todas as { $count } pessoas, e as contas delas estão ativas.
}
admin-left = { $count ->
    [one] { $count } pessoa saiu: a conta do Jira está desativada ou não existe mais.
   *[other] { $count } pessoas saíram: as contas do Jira delas estão desativadas ou não existem mais.
}
admin-left-more = e mais { $count }
admin-end-left = { $count ->
    [one] Desconectar esta pessoa
   *[other] Desconectar estas pessoas
}
admin-ended-left = { $count ->
    [one] { $count } pessoa que saiu foi desconectada.
   *[other] { $count } pessoas que saíram foram desconectadas.
}
admin-rule-title = Quem pode conectar
admin-customers = Clientes do portal do Jira Service Management podem conectar
admin-customers-note = Eles usam este site pela central de ajuda e não têm uma conta própria do Jira.
admin-groups = Somente membros destes grupos
admin-groups-note = Digite um grupo por linha, pelo nome ou ID. Deixe vazio para que todas as pessoas possam conectar. O app pergunta ao Jira a cada tentativa, e quem já está conectado continua conectado.
admin-save = Salvar
admin-saved = Salvo.
admin-events-title = O que aconteceu
admin-events-days = { $days ->
    [one] Mantido por { $days } dia.
   *[other] Mantido por { $days } dias.
}
admin-events-table = Tabela de eventos
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
admin-export-lines = Exportar linhas JSON
admin-file-saved = { $file } foi salvo.
admin-scopes-title = O que o { $app } pode fazer no Jira e por quê
admin-scopes-table = Tabela de permissões
admin-permission = Permissão
admin-why = Por quê
admin-no-issue = O app não lê itens, comentários nem anexos.
