## 複数のページのボタンとラベル

button-continue = 続行
button-cancel = キャンセル
button-try-again = 再試行
button-another-account = 別のアカウントを使用
button-disconnect = 接続を解除
back-to-jira = Jira に戻る
back-to-issue = { $issue } に戻る
account-id = アカウント ID
code-label = コード:
reference-label = 参照:
your-jira-account = あなたの Jira アカウント
connected-as = { $name } として接続済み
still-connected = 引き続き { $name } として { $service } に接続されています。
nothing-connected = 何も接続されませんでした。
nothing-connected-yet = まだ何も接続されていません。しばらくしてからもう一度お試しください。
try-again-soon = 処理できませんでした。しばらくしてからもう一度お試しください。

## 課題のパネル

button-connect = 接続
button-reconnect = 再接続
panel-checking = 接続を確認しています…
panel-unreachable = { $app } に接続できません
panel-offline = オフラインです
panel-retrying = 自動的に再試行します。
panel-retry-at = { $time } に再試行します。
panel-retry-online = オンラインに戻ると更新されます。
panel-retry-reload = 自動的に再試行します。解決しない場合は、課題を再読み込みしてください。
panel-unfinished = 接続が完了しなかったため、何も接続されませんでした。
panel-unfinished-stays = 接続が完了しませんでした。{ $name } は接続されたままです。
panel-unfinished-unchanged = 接続が完了しなかったため、何も変わっていません。
panel-cancelled = キャンセルしました。何も接続されませんでした。
panel-cancelled-stays = キャンセルしました。{ $name } は接続されたままです。
panel-cancelled-unchanged = キャンセルしました。何も変わっていません。
panel-left-shared = 接続を解除しました。キーは今後更新されません。同じアカウントへのもう一方の接続が終了するまで、{ $service } はログインを保持します。
panel-left-retried = 接続を解除しました。キーは今後更新されません。最後のキーの削除を { $service } または Jira がまだ確認していません。自動的に再試行します。
panel-connect-title = { $service } アカウントを接続
panel-connect = Jira からご自身のアカウントで { $service } を使用できます。{ $app } は有効期限付きのキーを Jira プロファイルに保存し、接続を解除するまで更新します。
panel-connecting = 接続しています…
panel-finish-in-tab = 開いたタブで完了してください。{ $service } にログインし、Jira に戻ってから確認します。
panel-tab-lost = タブを閉じたか、見つかりませんか? やり直すか、キャンセルしてください。
panel-arriving = { $name } を接続しています…
panel-arriving-text = Jira にまだキーがありません。自動的に再試行します。
panel-purpose = Jira からご自身のアカウントで { $service } を使用できます。
panel-consent = { $service } への接続は { $date } に終了します。継続するには再接続してください。
panel-account = アカウント
panel-expired-at = 期限切れ
panel-since = キーの有効期限が切れました: { $time }。
panel-was = 以前は { $name } として接続されていました。
panel-switching = 別のアカウントを接続しています…
panel-reconnecting = 再接続しています…
panel-stays = 完了するまで { $name } は接続されたままです。
panel-switching-text = 開いたタブで完了してください。閉じたか、見つかりませんか? やり直すか、キャンセルしてください。
panel-not-installed-title = { $app } が正しくインストールされていません
panel-not-installed = 課題を再読み込みしてください。再び表示される場合は、このサイトの Jira 管理者に { $app } の再インストールを依頼してください。
panel-renewing = キーを更新しています…
panel-renewed = キーを更新しました。
panel-manage = 管理
panel-renew-now = 今すぐ更新
panel-disconnect-ask = { $service } の接続を解除しますか?
panel-details = 詳細
panel-service = サービス
panel-renewed-at = 更新
panel-key-number = キー番号
panel-blocked-title = 新しいタブが開きませんでした。
panel-blocked = ブラウザーがブロックした可能性があります。アドレス バーのアイコンを確認し、この Jira サイトのポップアップを許可してから、もう一度ボタンを選択してください。
panel-ask-admin = このサイトの Jira 管理者にお問い合わせください。
panel-reconnect-default = キーを更新できませんでした。再接続すると解決します。
panel-flag-reconnect = { $service } への接続には操作が必要です。この課題で [再接続] を選択してください。
panel-flag-expired = 理由はこの課題のパネルで確認できます。
panel-flag-works = { $service } への接続が復旧しました

## 接続ページ

link-title = { $service } を Jira に接続
link-page-title = { $service } を接続
link-connected-as = { $name } として { $service } に接続されています。別のアカウントを接続するまで、この接続は維持されます。
link-awaits-jira-title = { $service } にログインしましたが、Jira による本人確認がまだ完了していません。
link-awaits-jira = Jira のページが別のタブで開いている場合は、そちらで続行してください。それ以外の場合は、[続行] を選択してもう一度ログインしてください。
link-for = 次の Jira アカウントに接続します
link-not-you = ご自身のアカウントまたはサイトではありませんか? ほかの人が開始した可能性があります。[キャンセル] を選択してください。
link-shared-title = 共有される内容
link-shared-key = { $service } の有効期限付きのキーが、このサイトの Jira プロファイルに保存されます。
link-shared-readers = あなた、このサイトの管理者、管理権限を持つアプリがキーを読み取れます。
link-shared-renewed = 接続を解除するまで、{ $app } がキーを更新します。
link-shared-renewed-issue = 接続を解除するまで、{ $app } がキーを更新します。{ $issue } またはほかの課題から解除できます。
link-log-out-title = 別のアカウントを接続するには、まず { $service } からログアウトしてください。
link-log-out = 別のタブで { $service } を開いてログアウトし、ここで [続行] を選択してください。ログアウトしない場合、{ $service } は現在ログインしているアカウントを使用します。
link-next-choose = 次に、使用するアカウントを { $service } が尋ねます。その後 Jira に戻り、最後にこのページで確認します。
link-next = 次に、{ $service } にログインします。その後 Jira に戻り、最後にこのページで確認します。

## 両方のアカウントのページ

both-title = この 2 つのアカウントを接続しますか?
both-check = どちらもご自身のアカウントであることを確認してください。[アカウントを接続] を選択するまで、何も接続されません。
both-connect = アカウントを接続
both-elsewhere-title = Jira での確認が、別のネットワークまたはブラウザーから行われました。
both-elsewhere = 別の場所で Jira を開いた覚えがない場合、ほかの人があなたの { $service } アカウントを自分のアカウントに接続しようとしている可能性があります。[キャンセル] を選択してください。
both-replaces = 現在接続されている { $old } は { $new } に置き換えられます。{ $old } のキーは使用できなくなります。
both-shared-one = このサイトの { $first } さんも同じアカウントに接続しています。どちらの接続も機能します。
both-shared-two = このサイトの { $first } さんと { $second } さんも同じアカウントに接続しています。すべての接続が機能します。
both-shared-three = このサイトの { $first } さん、{ $second } さん、{ $third } さんも同じアカウントに接続しています。すべての接続が機能します。
both-stored = { $app } は { $service } の有効期限付きのキーをこの Jira プロファイルに保存します。サイトの管理者はキーを読み取れます。
both-not-yours = ご自身の Jira アカウントまたはサイトではありませんか? ほかの人が開始した可能性があります。[キャンセル] を選択してください。
both-log-out = 別のアカウントを使用するには、まず別のタブで { $service } からログアウトしてください。ログアウトしない場合、{ $service } は現在ログインしているアカウントを使用します。
both-no-script = 接続するには、このページで JavaScript を許可してください。[アカウントを接続] を選択する前にこのページが表示されていることを確認するためです。

## サービスへの問い合わせ中

waiting-title = { $service } に確認しています…
waiting-text = サイト: { $site }。このページは自動的に再読み込みされます。確認するまで、何も接続されません。

## 結果

key-expired-title = { $service } のキーの有効期限が切れました
over-jira-waits = Jira がまだキーを保存していません。自動的に再試行します。保存されると課題に表示されます。
over-renews = 接続を解除するまで、{ $app } がキーを更新します。どの課題からでも解除できます。
over-renews-issue = 接続を解除するまで、{ $app } がキーを更新します。{ $issue } またはほかの課題から解除できます。
reconnect-title = { $service } に再接続
over-reconnect = Jira で課題を開き、[再接続] を選択してください。
over-disconnected-title = { $service } の接続を解除しました
over-disconnected = アカウントはここで接続されましたが、その後解除されました。もう一度接続するには、Jira で課題を開き、[接続] を選択してください。
over-cancelled-title = キャンセルしました
over-replaced-title = 別のタブでやり直しました
over-replaced = このページは古いため、使用できません。
over-refused-title = この操作は中止されました
over-refused = 開始したときと異なる状態で Jira に戻ったため、安全のために中止されました。
over-failed-title = この操作は終了しました
over-failed = { $service } が完了しなかったか、時間がかかりすぎました。
over-failed-again = もう一度試すには、Jira で課題を開き、[接続] を選択してください。
over-ended = そのため、この操作は終了しました。
over-disconnected-meanwhile-title = その間に接続が解除されました
over-uninstalled-title = その間にアプリが削除または再インストールされました
over-newer = 新しいほうで続行

## エラー

button-start-again = やり直す
error-look-again = 現在のページを表示
error-unauthorized-title = Jira で本人確認ができませんでした
error-unauthorized = Jira で課題を再読み込みして、もう一度お試しください。繰り返し発生する場合は、コンピューターの日付と時刻を確認してください。正しい場合は、Jira 管理者にアプリの再インストールを依頼してください。
error-old-panel = このサイトに新しい { $app } アプリがある場合は、課題でこのパネルではなく新しいパネルを使用してください。接続済みの人は、そちらでも接続されたままです。それ以外の場合は、課題を再読み込みし、コンピューターの日付と時刻を確認してください。繰り返し発生する場合は、Jira 管理者にアプリの確認を依頼してください。
error-wrong-caller-title = このアドレスはこの呼び出しを受け付けません
error-wrong-caller = 別の種類の呼び出し (個人のページまたは Forge からの呼び出し) を受け付けます。
error-setting-up-title = このサイト用にアプリを設定しています
error-setting-up = インストール後、数分から最大 1 時間かかります。その後もう一度お試しください。
error-not-served-title = このアプリはこのサイトに対応していません
error-not-served = アプリのこのインストールが置き換えられたか、アプリのベンダーがこの Jira サイトに対応していません。Jira 管理者にアプリの確認を依頼するか、サポートにお問い合わせください。
error-not-admin-title = このページを使用できるのは Jira 管理者だけです
error-not-admin = Jira によると、このサイトのグローバル権限「Jira の管理」がありません。権限がある場合は、アプリが権限を読み取れることを別の管理者に確認してもらってください。
error-wrong-person-title = この接続は別の人が開始しました
error-wrong-person = 別の人が接続を開始しました。何も接続されませんでした。ご自身のアカウントを接続するには、課題を開き、[接続] を選択してください。
error-wrong-person-name = Jira には { $name } としてログインしていますが、別の人が接続を開始しました。何も接続されませんでした。ご自身のアカウントを接続するには、課題を開き、[接続] を選択してください。
error-wrong-browser-title = このページは別のブラウザーのものです
error-wrong-browser = 別のブラウザーで開いたか、1 時間以上前に開いたか、ブラウザーがこのサイトの Cookie をブロックしています。何も接続されませんでした。Cookie をブロックしている場合は許可し、Jira で課題を開いて、もう一度 [接続] を選択してください。
error-denied-title = アクセスが許可されませんでした
error-denied = { $service } でアクセスが許可されなかったため、何も接続されませんでした。誤って操作した場合は、Jira で課題を開き、もう一度 [接続] を選択してください。
error-cross-site-title = このリクエストは別のサイトから送信されました
error-cross-site = 何も変更されませんでした。Jira で課題を開き、[接続] を選択してください。
error-attempt-over-title = この接続操作は終了しました
error-attempt-over = 完了またはキャンセルされたか、別の場所でやり直されたか、時間がかかりすぎました。Jira の課題に接続済みと表示されない場合は、もう一度 [接続] を選択してください。
error-timed-out-title = 時間がかかりすぎました
error-timed-out = 安全のため、接続操作は 10 分、サービスから戻った後は 5 分で終了します。この操作では何も接続されませんでした。Jira の課題に接続済みと表示されない場合は、[接続] を選択し、間を空けずに完了してください。
error-code-expired-title = 時間がかかりすぎました
error-code-expired = { $service } がログインを保持する時間は短く、その時間が過ぎました。何も接続されませんでした。やり直して、Jira に戻ったらすぐに続行してください。
error-out-of-date-title = このページは最新ではありません
error-out-of-date = このページが表示された後に変更があったため、クリックしても何も接続されませんでした。現在のページを確認してください。
error-ahead-title = このページは事前に読み込めません
error-ahead = ご自身で開いてください。
error-not-linked-title = 接続されているアカウントはありません
error-not-linked = キーがありません。先に [接続] を選択してください。
error-bad-request-title = リクエストを解釈できませんでした
error-rule-customers = アプリのベンダーは、ポータル カスタマーの接続を許可していません。
error-rule-long-group = グループは 1 行で 255 文字までです。
error-rule-many-groups = 選択できるグループは 50 個までです。
error-not-found-title = このページは存在しません
error-not-found = Jira に戻り、元の課題を開いてください。
error-method-title = このアドレスはそのようには使用できません
error-too-large-title = リクエストが大きすぎます
error-too-large = 上限は 64 KiB です。
error-too-slow-title = リクエストに時間がかかりすぎました
error-too-slow = 時間内に届きませんでした。もう一度お試しください。
error-too-many-title = リクエストが多すぎます
error-too-many = しばらく待ってから、もう一度お試しください。
error-crowded-title = 待機中のリクエストが多すぎます
error-crowded = 何も変更されませんでした。しばらく待ってから、もう一度お試しください。
error-service-refused-title = { $service } がリクエストを完了できませんでした
error-service-refused = { $service } がリクエストを受け付けませんでした。何も接続されませんでした。もう一度試すには、課題で [接続] を選択してください。
error-scope-refused-title = { $service } はアプリの要求を許可していません
error-scope-refused = アプリが要求した権限の 1 つを { $service } が拒否したため、何も接続されませんでした。{ $service } の組織で許可されていないか、アプリの要求が多すぎる可能性があります。再試行しても解決しません。下のコードを添えてサポートにお問い合わせください。
error-app-refused-title = { $service } はこのアプリを受け付けていません
error-app-refused = { $service } は、誰に対してもこのアプリ自体を拒否しています。何も接続されませんでした。修正されるまで再試行しても解決しません。下のコードを添えてサポートにお問い合わせください。
error-key-too-large-title = キーが大きすぎて Jira に保存できません
error-key-too-large = { $service } のキーは Jira で { $size } バイト必要ですが、Jira の上限は { $most } バイトです。何も接続されず、キーは取り消されました。再試行しても解決しません。下のコードを添えてサポートにお問い合わせください。
error-service-unreachable-title = { $service } に接続できません
error-service-unreachable = { $service } が現在応答していません。1 分後にもう一度お試しください。
error-jira-unreachable-title = Jira に接続できません
error-jira-unreachable = Jira が現在応答していません。1 分後にもう一度お試しください。
error-ip-allowlist-title = この Jira サイトはアプリをブロックしています
error-ip-allowlist = このサイトは IP 許可リストで保護されており、アプリのサーバーのアドレスが含まれていません。何も変更されませんでした。Atlassian 組織の管理者にアドレスの追加を依頼してください。アドレスはアプリのベンダーにご確認ください。
error-jira-busy-title = Jira がアプリに待機を求めています
error-jira-busy = Jira はアプリからの呼び出し回数を制限しています。何も失われておらず、接続済みのものは接続されたままです。{ $minutes } 分後にもう一度お試しください。
error-unavailable-title = 現在利用できません
error-unavailable = 何も失われていません。1 分後にもう一度お試しください。
error-not-ready-title = 準備ができていません
error-internal-title = 問題が発生しました
error-internal = 発生した内容を記録しました。もう一度お試しください。繰り返し発生する場合は、サポートにお問い合わせください。
error-unknown-caller-title = 認証されていません
error-unknown-caller = LATCHKEY_INTROSPECTION_SECRET の値を HTTP Basic のパスワードまたは Bearer トークンとして送信してください。

## 接続できない人

refused-anonymous-title = 先に Jira にログインしてください
refused-anonymous = Jira はこの課題を訪問者にも表示しています。Jira にログインして課題を再読み込みしてから、アカウントを接続してください。
refused-anonymous-admin = Jira に誰もログインしていませんでした。
refused-customer-title = ポータル カスタマーは接続できません
refused-customer = あなたはこのサイトをヘルプ センターのカスタマーとして使用しています。{ $service } を接続できるのは、Jira アカウントを持つ人だけです。Jira 管理者にアカウントを依頼してください。
refused-customer-admin = このサイトではポータル カスタマーは接続できません。
refused-app-title = アプリは接続できません
refused-app = これはアプリのアカウントです。ユーザーとして Jira にログインしてください。
refused-app-admin = アプリのアカウントです。接続できません。
refused-unknown-title = このアカウントは接続できません
refused-unknown = Jira がこのアカウントの種類を示していません。Jira 管理者にお問い合わせください。
refused-unknown-admin = Jira がアカウントの種類を示していません。
refused-deactivated-title = このアカウントは無効化されています
refused-deactivated = Jira によると、このアカウントは有効ではありません。Jira 管理者にお問い合わせください。
refused-deactivated-admin = アカウントが無効化されています。
refused-group-title = 管理者がまだ接続を許可していません
refused-group = この Jira サイトの管理者は、特定のグループのメンバーにのみ { $service } の接続を許可しています。いずれかのグループへの追加を Jira 管理者に依頼してください。
refused-group-admin = 接続を許可されたグループのいずれにも属していません。

## 有効なキーがない理由 (本人向け)

trouble-service-away = { $service } が応答しないため、キーを更新できませんでした。自動的に再試行します。
trouble-service-waits = キーを更新する前に待機するよう { $service } がアプリに求めています。自動的に再試行します。
trouble-refused = { $service } が理由を示さずにキーの更新を拒否しています。自動的に再試行します。拒否が続く場合は、再接続をお願いすることになります。
trouble-app-refused = { $service } がアプリを拒否しているため、修正されるまでキーを更新できません。自動的に再試行します。
trouble-no-key = { $service } が新しいキーを発行しませんでした。自動的に再試行します。
trouble-jira-away = Jira が新しいキーをまだ保存していません。自動的に再試行します。
trouble-unknown = キーはまだ更新されていません。自動的に再試行します。
reconnect-revoked = { $service } はこの接続を受け付けなくなりました。{ $service } 側で終了されたか、有効期限が切れました。
reconnect-rotation-lost = キーの更新中に { $service } からの応答が失われ、{ $service } は再送しません。
reconnect-no-refresh-token = キーの有効期限が切れましたが、{ $service } は更新を許可していません。
reconnect-consent-ended = { $service } は定期的に同意を確認しており、その期限が来ました。問題があるわけではありません。
reconnect-restored = この接続は、最後のキーより古いバックアップから復元されました。あなたの操作に問題はなく、{ $service } でも何も終了していません。
reconnect-keeps-refusing = キーの有効期限が切れた後、{ $service } は理由を示さずに更新を拒否し続けています。
aside-sealed = この接続の保存データを読み取れなくなりました。
aside-no-outcome = { $service } のキーをまだ更新できていません。自動的に再試行します。
aside-jira-refuses = Jira がアプリによるキーの保存を許可していません。Jira 管理者がアプリの権限を確認できます。
aside-site-not-allowed = { $service } 用アプリのベンダーは、このサイトに対応していません。
aside-too-large = { $service } の最新のキーは大きすぎて Jira に保存できません。再接続しても解決しません。サポートにお問い合わせください。
aside-too-large-size = { $service } の最新のキーは Jira で { $size } バイト必要ですが、Jira の上限は { $most } バイトです。再接続しても解決しません。サポートにお問い合わせください。
park-unauthorized = Jira が現在アプリを受け付けていません。自動的に再試行します。続く場合は、Jira 管理者がアプリを再インストールできます。
park-quota = この 1 時間、Jira はアプリからの変更を受け付けません。受け付けが再開され次第、キーが保存されます。
park-asked = Jira がアプリに待機を求めています。可能になり次第、キーが保存されます。
park-ip-allowlist = この Jira サイトの IP 許可リストがアプリをブロックしています。Atlassian 組織の管理者にアプリのアドレスの追加を依頼してください。追加後にキーが保存されます。
park-not-jira = この Jira サイトが現在アプリに応答していません。応答し次第、キーが保存されます。
park-no-system-token = しばらくの間、Jira がアプリのアクセスを許可していません。許可され次第 (通常は 1 時間以内)、キーが保存されます。
disconnect-key-ends = キーは Jira プロファイルから削除され、使用できなくなります。
disconnect-key-stays = キーは Jira プロファイルから削除され、更新されなくなります。キーのコピーは有効期限まで使用できる場合があります。
disconnect-shared-others = ほかの人の接続が同じ { $service } アカウントを使用しており、ログインを終了すると両方が終了します。そのため、その接続も終了するまで { $service } はログインを保持します。
disconnect-shared-oneself = 別の Jira サイトでのあなたの接続が同じ { $service } アカウントを使用しており、ログインを終了すると両方が終了します。そのため、その接続も終了するまで { $service } はログインを保持します。

## 同じ内容 (サイト管理者向け)

reconnect-revoked-admin = { $service } が接続を終了しました。本人が再接続できます。多くの人に発生する場合は、アプリがブロックされていないか { $service } の管理者に確認してください。
reconnect-rotation-lost-admin = ネットワーク障害により接続が終了しました。本人が再接続できます。
reconnect-no-refresh-token-admin = { $service } はこの人のキーの更新を許可していません。キーの有効期間だけ、本人が再接続できます。
reconnect-consent-ended-admin = { $service } は定期的に同意を確認します。本人には事前に通知されており、再接続できます。
reconnect-restored-admin = アプリのデータが、この接続の最後のキーより古いバックアップから復元されました。本人が再接続できます。
reconnect-keeps-refusing-admin = 有効期限が切れてから、{ $service } はこの人のキーの更新を拒否し続けています。本人が再接続できます。多くの人に発生する場合は、アプリのベンダーにお問い合わせください。
aside-sealed-admin = この接続の保存データを読み取れなくなりました。本人が再接続できます。
aside-no-outcome-admin = { $service } のキーの更新が 3 回続けて中断されました。自動的に再試行します。必要な操作はありません。
aside-jira-refuses-admin = Jira がアプリによるこの人のユーザー プロパティの書き込みを許可していません。アプリのユーザーにグローバル権限「Jira の管理」を付与するか、アプリがユーザーとして操作することを許可してください。15 分以内に更新が自動的に再開されます。
aside-site-not-allowed-admin = { $service } 用アプリは、このサイトのアドレスに対応していません。アプリのベンダーにお問い合わせください。対応後、更新は自動的に再開されます。
aside-too-large-admin = { $service } がこの人に発行するキーは、Jira のユーザー プロパティの上限を超えています。アプリのベンダーにお問い合わせください。ここでは変更できません。
park-unauthorized-admin = Jira がアプリのトークンを拒否しています。アプリがまだインストールされている場合は、再インストールしてください。新しいシークレットが発行され、更新が再開されます。
park-global-quota-admin = アプリは、全サイト合計の 1 時間あたりの Jira 呼び出し枠を使い切りました。次の正時に自動的に再開されます。
park-tenant-quota-admin = アプリは、このサイトの 1 時間あたりの Jira 呼び出し枠を使い切りました。自動的に再開されます。
park-burst-admin = 短時間にアプリからこのサイトへの呼び出しが集中しました。自動的に再開されます。
park-asked-admin = このサイトがアプリに待機を求めています。自動的に再開されます。
park-ip-allowlist-admin = このサイトの IP 許可リストがアプリをブロックしています。Atlassian 組織の管理者がアプリのサーバーのアドレスを追加する必要があります。アドレスはアプリのベンダーにご確認ください。1 分以内に自動的に再開されます。
park-not-jira-admin = このサイトのアドレスで Jira に接続できません。別のページまたはサーバーが応答しています。誰の接続も解除されていません。Jira が復旧してから 2 分以内に自動的に再開されます。サイトのアドレスが変わった場合は、Jira でアプリを更新してください。
park-no-system-token-admin = 数時間の間、Atlassian がアプリのサーバーを呼び出していないため、アプリはこのサイトに書き込めません。1 時間ごとの次の呼び出しで自動的に再開されます。再開されない場合は、アプリのベンダーにお問い合わせください。

## サイトでの出来事 (管理者向け)

event-connected = { $service } アカウントを接続しました。
event-disconnected = 接続を解除しました。
event-disconnected-admin = 管理者が接続を解除しました。
event-disconnected-jira = 接続解除: Jira によると、アカウントは無効化されたか削除されました。
event-disconnected-atlassian = 接続解除: Atlassian がアカウントを閉鎖しました。
event-disconnected-service = { $service } が接続を解除しました。
event-finished-by-another = この人が開始した操作で別の人が { $service } から戻ったか、別のブラウザーから戻りました。何も接続されませんでした。
event-refused = 接続できませんでした。{ $why }
event-moved-from-connect = すべての接続とともに、サイトが Atlassian Connect から Forge に移行しました。
event-moved = アプリの新しいインストールがすべての接続を引き継ぎました。
event-decided = 接続できる人を変更しました。{ $what }
rule-customers-allowed = ポータル カスタマーは接続できます。
rule-customers-denied = ポータル カスタマーは接続できません。
rule-every-group = どのグループの人も接続できます。
rule-groups = 次のグループのメンバーだけが接続できます: { $groups }。

## アプリの権限の理由

scope-read = 名前とアカウントが有効かどうか、グループを選択した場合は所属グループ、このページを開いた人が Jira 管理者かどうかを読み取るため。
scope-write = 接続した各ユーザーの 1 つのユーザー プロパティにキーを保存するため。
scope-delete = 接続の終了時にそのユーザー プロパティを削除するため。
scope-act-as-user = 管理権限が外された場合など、Jira がアプリ自体に許可しないときに、本人としてそのプロパティを書き込むため。
scope-read-jira-user = 名前、アカウントが有効かどうか、キー、グループを選択した場合は所属グループを読み取るため。
scope-read-jira-work = このページを開いた人が Jira 管理者かどうかを Jira に確認するため。課題は読み取りません。
scope-write-jira-work = 接続した各ユーザーの 1 つのユーザー プロパティにキーを保存し、削除するため。Atlassian にはこれより狭いスコープがありません。課題には書き込みません。
scope-read-app-system-token = 誰も課題を表示していないときに、アプリとして Jira を呼び出すため。
scope-report-personal-data = 保存されたアカウントのうち閉鎖されたものを Atlassian に確認し、消去するため。

## Jira の完了ページ

finish-proving-title = 本人確認をしています…
finish-proving = ここにログインしている人を { $app } が Jira に確認しています。
finish-proved-title = Jira に戻りました
finish-signed-in = Jira にログインしているアカウント
finish-next = 次に、このアカウントと { $service } にログインしたアカウントが並んで表示されます。そこで [アカウントを接続] を選択するまで、何も接続されません。
finish-start-again = Jira に戻り、もう一度 [接続] を選択してください。
finish-look = 課題を確認してください。接続済みと表示されていれば完了です。表示されていない場合は、もう一度 [接続] を選択してください。
finish-over-title = この操作は終了しました
finish-over = 完了またはキャンセルされたか、時間がかかりすぎました。
finish-unauthorized-title = Jira で本人確認ができませんでした
finish-unauthorized = このページを再読み込みしてください。再び表示される場合は、このサイトの Jira 管理者にアプリの再インストールを依頼してください。
finish-nothing-title = 完了する操作はありません
finish-nothing = このページは、{ $service } にログインした後に Jira が開きます。
jira-silent-title = Jira が応答しません
one-moment-title = しばらくお待ちください
finish-too-many = 一度に送信されたリクエストが多すぎました。
finish-unavailable-title = 現在利用できません
finish-unreachable-title = 通信できません
finish-no-bridge-title = Jira がこのページに応答しません
finish-no-bridge = このページは Jira の中でのみ機能します。
finish-failed-title = 問題が発生しました
finish-late-title = 時間がかかりすぎました
finish-late = 安全のため、操作は 10 分、{ $service } から戻った後は 5 分で終了します。
not-allowed-title = このアカウントは接続できません
finish-wrong-person-title = 別の人が開始した操作です
finish-wrong-person = Jira には { $name } としてログインしていますが、別の人がこの操作を開始しました。何も接続されませんでした。
finish-wrong-person-unnamed = この操作を開始した人とは別の人として Jira にログインしています。何も接続されませんでした。
finish-wrong-person-advice = ほかの人から案内されてここに来た場合は、このタブを閉じてください。ご自身のアカウントを接続するには、Jira の課題で [接続] を選択してください。Jira アカウントが 2 つある場合は、開始したアカウントでログインし、もう一度 [接続] を選択してください。

## Jira 内のすべてのページのスクリプト

frame-slow = 少し時間がかかりました。もう一度ボタンを選択してください。
frame-clock-title = 時計が正しくありません
frame-clock-apart = お使いのコンピューターとアプリのサーバーの時計が { $minutes } 分ずれています。コンピューターの日付、時刻、タイム ゾーンを確認し、ページを再読み込みしてください。正しい場合は、サポートにお問い合わせください。
frame-clock-other = アプリのサーバーの時計では、Jira による本人確認の期限が切れており、お使いのコンピューターの時計も一致しています。ページを再読み込みしてください。解決しない場合は、サポートにお問い合わせください。
frame-not-left = 何も開かれませんでした。続行するには、もう一度ボタンを選択し、Jira で { $host } を開くことを許可してください。

## Jira 管理者のページ

admin-loading = Jira に確認しています…
admin-refused-title = 現在このページを表示できません
admin-refused = アプリのサーバーまたは Jira が応答していません。しばらくしてからもう一度お試しください。
admin-about = ユーザーは課題で Jira アカウントを { $service } アカウントに接続します。{ $app } は有効期限付きのキーを Jira プロファイルに保存し、接続が終了するまで更新します。
admin-start-title = はじめに
admin-start-connect = 任意の課題を開き、横にある { $app } で [接続] を選択します。{ $service } にログインし、戻ってから確認します。
admin-start-decide = 接続できる人を下で選択してください。選択するまでは、このサイトの Jira アカウントを持つ全員が接続できます。
admin-start-allowlist = このサイトに IP 許可リストがある場合は、[状態] のアドレスを追加してください。
admin-health-title = 状態
admin-health-well = 正常
admin-health-ill = 要確認
admin-health-well-text = キーの更新を妨げるものはありません。
admin-health-waits = 待機中の呼び出しがあります:
admin-health-disabled = このサイトではアプリが無効になっています。[アプリの管理] で有効にしてください。それまでキーは更新されません。
admin-health-next-try = 次の試行: { $time }。
admin-site = サイト
admin-door = インストールの種類
admin-door-forge = Forge アプリ
admin-door-connect = Atlassian Connect アプリ
admin-writes-as = キーを保存するユーザー
admin-writes-as-person = 各ユーザー: Jira がアプリのユーザーによるプロパティの書き込みを許可していません。変更するには、そのユーザーに「Jira の管理」権限を付与してください。
admin-writes-as-app = アプリのユーザー
admin-connections = 接続
admin-people = { $count } 人
admin-reconnect-count = { $count } 人は再接続が必要
admin-expired-count = { $count } 件のキーが期限切れ
admin-allowlist = IP 許可リスト
admin-allowlist-ask = このサイトに許可リストがある場合は、追加するアドレスをアプリのベンダーにご確認ください。
admin-links-title = 接続している人
admin-search = 検索
admin-search-hint = 名前またはアカウント ID
admin-show = 表示
admin-show-all = 全員
admin-show-connected = 接続済み
admin-show-trouble = 接続済み (問題あり)
admin-show-reconnect = 再接続が必要
admin-links-table = 接続している人の表
admin-person = ユーザー
admin-account = { $service } アカウント
admin-state = 状態
admin-since = 開始日時
key-valid-until = キーの有効期限
admin-state-connected = 接続済み
admin-state-connecting = 接続中
admin-state-expired = キーの期限切れ
admin-state-reconnect = 再接続が必要
admin-links-none = まだ誰も接続していません。
admin-links-not-found = 一致するものがありません。
admin-links-found = { $count } 人見つかりました
admin-links-found-more = { $count } 人以上見つかりました
admin-links-of = { $count } 人中 { $shown } 人
admin-first-page = 最初のページ
admin-next-page = 次のページ
admin-find-left = 退職した人を検索
admin-end-all = 全員の接続を解除
admin-close = 閉じる
admin-ask-one = { $name } の接続を解除しますか?
admin-ended-one = { $name } の接続を解除しました。
admin-ask-all = 全員の接続を解除しますか? { $count } 件の接続が完全に終了します。キーは Jira から削除されて使用できなくなり、各自がもう一度接続する必要があります。
admin-ending-all = { $count } 件の接続を終了しました。残り { $left } 件…
admin-ended-all = 全員の接続を解除しました: { $count } 件の接続。
admin-checked = { $count } 人を確認しました…
admin-nobody-left = 退職した人はいません。Jira は { $count } 人全員を認識しており、アカウントは有効です。
admin-left = { $count } 人が退職しています。Jira アカウントが無効化されたか削除されました。
admin-left-more = ほか { $count } 人
admin-end-left = { $count ->
   *[other] これらの人の接続を解除
}
admin-ended-left = 退職した { $count } 人の接続を解除しました。
admin-rule-title = 接続できる人
admin-customers = Jira Service Management のポータル カスタマーに接続を許可
admin-customers-note = ポータル カスタマーはヘルプ センターからこのサイトを使用し、Jira アカウントを持っていません。
admin-groups = 次のグループのメンバーのみ
admin-groups-note = 1 行に 1 つのグループを名前または ID で入力します。空欄にすると全員が接続できます。接続のたびにアプリが Jira に確認します。すでに接続している人は接続されたままです。
admin-save = 保存
admin-saved = 保存しました。
admin-events-title = イベント
admin-events-days = { $days } 日間保存されます。
admin-events-table = イベントの表
admin-when = 日時
admin-what = 内容
admin-by = 実行者
admin-by-person = 本人
admin-by-admin = 管理者
admin-by-service = { $service }
admin-by-jira = Jira
admin-by-atlassian = Atlassian
admin-by-app = { $app }
admin-events-none = まだイベントはありません。
admin-export-csv = CSV をエクスポート
admin-export-lines = JSON 行をエクスポート
admin-file-saved = { $file } を保存しました。
admin-scopes-title = { $app } が Jira でできることとその理由
admin-scopes-table = 権限の表
admin-permission = 権限
admin-why = 理由
admin-no-issue = 課題、コメント、添付ファイルは読み取りません。
