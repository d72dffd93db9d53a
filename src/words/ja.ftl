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
reference-label = 参照番号:
your-jira-account = あなたの Jira アカウント
connected-as = { $name } として接続済み
still-connected = 引き続き { $name } として { $service } に接続されています。
nothing-connected = アカウントは接続されませんでした。
nothing-connected-yet = アカウントはまだ接続されていません。しばらくしてからもう一度お試しください。
try-again-soon = 処理できませんでした。しばらくしてからもう一度お試しください。

## 課題のパネル

button-connect = 接続
button-reconnect = 再接続
panel-checking = 接続を確認しています…
panel-unreachable = { $app } にアクセスできません
panel-offline = オフラインです
panel-retrying = 自動的に再試行します。
panel-retry-at = { $time } に再試行します。
panel-retry-online = オンラインに戻ると更新されます。
panel-retry-reload = 自動的に再試行します。解決しない場合は、課題を再読み込みしてください。
panel-unfinished = 接続が完了しなかったため、アカウントは接続されませんでした。
panel-unfinished-stays = 接続が完了しませんでした。{ $name } は接続されたままです。
panel-unfinished-unchanged = 接続が完了しなかったため、何も変わっていません。
panel-cancelled = キャンセルしました。アカウントは接続されませんでした。
panel-cancelled-stays = キャンセルしました。{ $name } は接続されたままです。
panel-cancelled-unchanged = キャンセルしました。何も変わっていません。
panel-left-shared = 接続を解除しました。キーは今後更新されません。同じアカウントへのもう一方の接続が終了するまで、{ $service } のログインは維持されます。
panel-left-retried = 接続を解除しました。キーは今後更新されません。最後のキーが削除されたことを、{ $service } または Jira でまだ確認できていません。自動的に再試行します。
panel-connect-title = { $service } アカウントを接続
panel-connect = Jira からご自身のアカウントで { $service } を使用できます。{ $app } は有効期限付きのキーを Jira プロファイルに保存し、接続を解除するまで更新します。
panel-connecting = 接続しています…
panel-finish-in-tab = 開いたタブで完了してください。{ $service } にログインし、Jira に戻ってから接続を確定します。
panel-tab-lost = タブを閉じた場合や見つからない場合は、やり直すか、キャンセルしてください。
panel-arriving = { $name } を接続しています…
panel-arriving-text = キーはまだ Jira に保存されていません。自動的に再試行します。
panel-purpose = Jira からご自身のアカウントで { $service } を使用できます。
panel-consent = { $service } への接続は { $date } に終了します。継続するには再接続してください。
panel-account = アカウント
panel-expired-at = 期限切れ日時
panel-since = キーの有効期限が切れました: { $time }
panel-was = 以前は { $name } として接続されていました。
panel-switching = 別のアカウントを接続しています…
panel-reconnecting = 再接続しています…
panel-stays = 完了するまで { $name } は接続されたままです。
panel-switching-text = 開いたタブで完了してください。タブを閉じた場合や見つからない場合は、やり直すか、キャンセルしてください。
panel-not-installed-title = { $app } が正しくインストールされていません
panel-not-installed = 課題を再読み込みしてください。再び表示される場合は、このサイトの Jira 管理者に { $app } の再インストールを依頼してください。
panel-renewing = キーを更新しています…
panel-renewed = キーを更新しました。
panel-manage = 管理
panel-renew-now = 今すぐ更新
panel-disconnect-ask = { $service } の接続を解除しますか?
panel-details = 詳細
panel-service = サービス
panel-renewed-at = 更新日時
panel-key-number = キー番号
panel-blocked-title = 新しいタブが開きませんでした。
panel-blocked = ブラウザーがブロックした可能性があります。アドレス バーのアイコンを確認し、この Jira サイトのポップアップを許可してから、もう一度ボタンを選択してください。
panel-ask-admin = このサイトの Jira 管理者にお問い合わせください。
panel-reconnect-default = キーを更新できませんでした。再接続すると解決します。
panel-flag-reconnect = { $service } への接続には操作が必要です。この課題で [再接続] を選択してください。
panel-flag-expired = 理由はこの課題のパネルで確認できます。
panel-flag-works = { $service } への接続が復旧しました

## サービスの表示

step-one = ステップ 1/3
step-two = ステップ 2/3
step-three = ステップ 3/3
link-allow-title = { $service } で許可する内容
allow-identity = あなたのアカウントを識別する
allow-profile = 名前と写真を読み取る
allow-email = メール アドレスを読み取る
allow-offline = あなたが操作していないときもキーを更新する
allow-read = あなたが閲覧できる内容を読み取る
allow-other = 権限 { $scope }
service-help = ヘルプ
service-privacy = プライバシー
contact-support = サポートに問い合わせる

## 接続ページ

link-title = { $service } を Jira に接続
link-page-title = { $service } に接続
link-connected-as = { $name } として { $service } に接続されています。別のアカウントを接続するまで、この接続は維持されます。
link-awaits-jira-title = { $service } へのログインは完了しましたが、Jira でのユーザーの確認がまだ完了していません。
link-awaits-jira = Jira のページが別のタブで開いている場合は、そのタブで続行してください。開いていない場合は、[続行] を選択してもう一度ログインしてください。
link-for = 接続する Jira アカウント
link-not-you = ご自身のアカウントやサイトでない場合は、別の人がこの操作を開始しています。[キャンセル] を選択してください。
link-shared-title = 共有される内容
link-shared-key = { $service } の有効期限付きのキーが、このサイトのあなたの Jira プロファイルに保存されます。
link-shared-readers = あなた、このサイトの管理者、管理者権限を持つアプリが、保存されたキーを読み取れます。
link-shared-renewed = 接続を解除するまで、{ $app } がキーを更新します。
link-shared-renewed-issue = 接続を解除するまで、{ $app } がキーを更新します。接続は { $issue } またはほかの課題で解除できます。
link-log-out-title = 別のアカウントを接続するには、まず { $service } からログアウトしてください。
link-log-out = 別のタブで { $service } を開いてログアウトし、このページに戻って [続行] を選択してください。ログアウトしない場合は、現在ログインしている { $service } アカウントが使用されます。
link-next-choose = 次に、使用するアカウントを { $service } で選択します。その後 Jira に戻り、最後にこのページで接続を確定します。
link-next = 次に、{ $service } にログインします。その後 Jira に戻り、最後にこのページで接続を確定します。

## 両方のアカウントのページ

both-title = この 2 つのアカウントを接続しますか?
both-check = どちらもご自身のアカウントであることを確認してください。[アカウントを接続] を選択するまで、接続は行われません。
both-connect = アカウントを接続
both-elsewhere-title = Jira での確認が、別のネットワークまたはブラウザーから行われました。
both-elsewhere = たった今、別の場所で Jira を開いた覚えがない場合は、別の人があなたの { $service } アカウントをその人のアカウントに接続しようとしている可能性があります。[キャンセル] を選択してください。
both-replaces = 現在接続されている { $old } は { $new } に置き換えられます。{ $old } のキーは使用できなくなります。
both-shared-one = このサイトでは、{ $first } も同じアカウントに接続しています。どちらの接続も機能します。
both-shared-two = このサイトでは、{ $first } と { $second } も同じアカウントに接続しています。すべての接続が機能します。
both-shared-three = このサイトでは、{ $first }、{ $second }、{ $third } も同じアカウントに接続しています。すべての接続が機能します。
both-stored = { $app } は { $service } の有効期限付きのキーをこの Jira プロファイルに保存します。保存されたキーは、サイトの管理者も読み取れます。
both-not-yours = ご自身の Jira アカウントやサイトでない場合は、別の人がこの操作を開始しています。[キャンセル] を選択してください。
both-log-out = 別のアカウントを使用するには、まず別のタブで { $service } からログアウトしてください。ログアウトしない場合は、現在ログインしている { $service } アカウントが使用されます。
both-no-script = 接続するには、このページで JavaScript を許可してください。[アカウントを接続] を選択する前にこのページが表示されたことを確かめるために使用します。

## サービスへの問い合わせ中

waiting-title = { $service } のアカウントを確認しています…
waiting-text = サイト: { $site }。このページは自動的に再読み込みされます。確定するまで、接続は行われません。

## 結果

key-expired-title = { $service } のキーの有効期限が切れました
over-jira-waits = キーはまだ Jira に保存されていません。自動的に再試行します。保存されると課題に表示されます。
over-renews = 接続を解除するまで、{ $app } がキーを更新します。接続はどの課題でも解除できます。
over-renews-issue = 接続を解除するまで、{ $app } がキーを更新します。接続は { $issue } またはほかの課題で解除できます。
reconnect-title = { $service } に再接続
over-reconnect = Jira で課題を開き、[再接続] を選択してください。
over-disconnected-title = { $service } の接続を解除しました
over-disconnected = アカウントはここで接続されましたが、その後、接続が解除されました。もう一度接続するには、Jira で課題を開き、[接続] を選択してください。
over-cancelled-title = キャンセルしました
over-replaced-title = 別のタブでやり直しました
over-replaced = このページは古いため、使用できません。
over-refused-title = この操作は中止されました
over-refused = 開始時と異なる方法で Jira に戻ったため、安全のために中止されました。
over-failed-title = この操作は終了しました
over-failed = { $service } で完了しなかったか、時間がかかりすぎました。
over-failed-again = もう一度試すには、Jira で課題を開き、[接続] を選択してください。
over-ended = そのため、この操作は終了しました。
over-disconnected-meanwhile-title = 操作の途中で接続が解除されました
over-uninstalled-title = 操作の途中でアプリが削除または再インストールされました
over-newer = 新しいページで続行

## エラー

button-start-again = やり直す
error-look-again = 最新のページを表示
error-unauthorized-title = Jira でユーザーを確認できませんでした
error-unauthorized = Jira で課題を再読み込みして、もう一度お試しください。繰り返し発生する場合は、コンピューターの日付と時刻を確認してください。正しい場合は、Jira 管理者にアプリの再インストールを依頼してください。
error-old-panel = このサイトに新しい { $app } アプリがある場合は、このパネルではなく、課題にある新しいアプリのパネルを使用してください。これまでの接続はすべて引き継がれています。新しいアプリがない場合は、課題を再読み込みし、コンピューターの日付と時刻を確認してください。繰り返し発生する場合は、Jira 管理者にアプリの確認を依頼してください。
error-wrong-caller-title = このアドレスはこの呼び出しを受け付けません
error-wrong-caller = 別の種類の呼び出し (ユーザーのページまたは Forge からの呼び出し) を受け付けます。
error-setting-up-title = このサイト用にアプリを設定しています
error-setting-up = インストール後の設定には数分、最長で 1 時間かかります。その後、もう一度お試しください。
error-not-served-title = このアプリはこのサイトに対応していません
error-not-served = このアプリのインストールが置き換えられたか、アプリのベンダーがこの Jira サイトに対応していません。Jira 管理者にアプリの確認を依頼するか、サポートにお問い合わせください。
error-not-admin-title = このページを使用できるのは Jira 管理者だけです
error-not-admin = このサイトのグローバル権限「Jira の管理」があなたにあることを、Jira で確認できませんでした。権限がある場合は、アプリに権限の読み取りが許可されているかどうかの確認を、ほかの管理者に依頼してください。
error-wrong-person-title = この接続は別の人が開始しました
error-wrong-person = 接続を開始したのは別の人です。アカウントは接続されませんでした。ご自身のアカウントを接続するには、課題を開き、[接続] を選択してください。
error-wrong-person-name = { $name } として Jira にログインしていますが、接続を開始したのは別の人です。アカウントは接続されませんでした。ご自身のアカウントを接続するには、課題を開き、[接続] を選択してください。
error-wrong-browser-title = このページはこのブラウザーでは使用できません
error-wrong-browser = ページが別のブラウザーで開かれたか、開いてから 1 時間以上経過したか、このサイトの Cookie がブラウザーでブロックされています。アカウントは接続されませんでした。Cookie をブロックしている場合は許可してから、Jira で課題を開き、もう一度 [接続] を選択してください。
error-denied-title = アクセスが許可されませんでした
error-denied = { $service } でアクセスが許可されなかったため、アカウントは接続されませんでした。誤って拒否した場合は、Jira で課題を開き、もう一度 [接続] を選択してください。
error-cross-site-title = このリクエストは別の Web サイトから送信されました
error-cross-site = 何も変更されませんでした。Jira で課題を開き、[接続] を選択してください。
error-attempt-over-title = この接続操作は終了しました
error-attempt-over = 完了またはキャンセルされたか、別の場所でやり直されたか、時間がかかりすぎました。Jira の課題に「接続済み」と表示されない場合は、課題でもう一度 [接続] を選択してください。
error-timed-out-title = 時間がかかりすぎました
error-timed-out = 安全のため、接続操作は開始から 10 分、サービスから戻った後は 5 分で終了します。この操作でアカウントは接続されませんでした。Jira の課題に「接続済み」と表示されない場合は、課題で [接続] を選択し、途中で中断せずに完了してください。
error-code-expired-title = 時間がかかりすぎました
error-code-expired = { $service } へのログインは短時間しか保持されません。その時間が過ぎたため、アカウントは接続されませんでした。やり直して、Jira に戻ったらすぐに続行してください。
error-out-of-date-title = このページは最新ではありません
error-out-of-date = このページの表示後に変更があったため、クリックしてもアカウントは接続されませんでした。最新のページを確認してください。
error-ahead-title = このページは事前に読み込めません
error-ahead = ページを直接開いてください。
error-not-linked-title = 接続されているアカウントはありません
error-not-linked = キーがありません。先に [接続] を選択してください。
error-bad-request-title = リクエストを解釈できませんでした
error-rule-customers = アプリのベンダーは、ポータルのみの顧客の接続を許可していません。
error-rule-long-group = グループは 1 行に 1 つ、255 文字以内で入力してください。
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
error-service-refused = { $service } がリクエストを受け付けなかったため、アカウントは接続されませんでした。もう一度試すには、課題で [接続] を選択してください。
error-scope-refused-title = アプリが求める権限が { $service } で許可されていません
error-scope-refused = アプリが求める権限の 1 つを { $service } が拒否したため、アカウントは接続されませんでした。{ $service } の組織で許可されていないか、アプリが必要以上の権限を求めている可能性があります。再試行しても解決しません。下のコードを添えてサポートにお問い合わせください。
error-app-refused-title = { $service } はこのアプリを受け付けていません
error-app-refused = { $service } がアプリ自体を拒否しているため、誰も接続できません。アカウントは接続されませんでした。修正されるまで、再試行しても解決しません。下のコードを添えてサポートにお問い合わせください。
error-key-too-large-title = キーが大きすぎて Jira に保存できません
error-key-too-large = { $service } のキーは Jira で { $size } バイト必要ですが、Jira の上限は { $most } バイトです。アカウントは接続されず、キーは取り消されました。再試行しても解決しません。下のコードを添えてサポートにお問い合わせください。
error-service-unreachable-title = { $service } にアクセスできません
error-service-unreachable = { $service } が現在応答していません。1 分後にもう一度お試しください。
error-jira-unreachable-title = Jira にアクセスできません
error-jira-unreachable = Jira が現在応答していません。1 分後にもう一度お試しください。
error-ip-allowlist-title = この Jira サイトはアプリをブロックしています
error-ip-allowlist = このサイトは IP 許可リストで保護されていますが、アプリのサーバーのアドレスがリストにありません。何も変更されませんでした。Atlassian 組織の管理者にアドレスの追加を依頼してください。アドレスはアプリのベンダーにご確認ください。
error-jira-busy-title = Jira がアプリに待機を求めています
error-jira-busy = Jira はアプリからの呼び出し回数を制限しています。失われたデータはなく、接続は維持されています。{ $minutes } 分後にもう一度お試しください。
error-unavailable-title = 現在利用できません
error-unavailable = 失われたデータはありません。1 分後にもう一度お試しください。
error-not-ready-title = 準備ができていません
error-internal-title = 問題が発生しました
error-internal = 問題の内容を記録しました。もう一度お試しください。繰り返し発生する場合は、サポートにお問い合わせください。
error-unknown-caller-title = 認証されていません
error-unknown-caller = LATCHKEY_SERVICE_SECRET の値を HTTP Basic のパスワードまたは Bearer トークンとして送信してください。

## 接続できない人

refused-anonymous-title = 先に Jira にログインしてください
refused-anonymous = この課題は、Jira にログインしていない人にも表示されます。Jira にログインして課題を再読み込みしてから、アカウントを接続してください。
refused-anonymous-admin = Jira に誰もログインしていませんでした。
refused-customer-title = ポータルのみの顧客は接続できません
refused-customer = あなたはヘルプ センターの顧客としてこのサイトを使用しています。{ $service } に接続できるのは、Jira アカウントを持つユーザーだけです。Jira 管理者にアカウントの作成を依頼してください。
refused-customer-admin = このサイトでは、ポータルのみの顧客は接続できません。
refused-app-title = アプリは接続できません
refused-app = これはアプリのアカウントです。ご自身のアカウントで Jira にログインしてください。
refused-app-admin = アプリのアカウントです。
refused-unknown-title = このアカウントは接続できません
refused-unknown = このアカウントの種類を Jira で確認できません。Jira 管理者にお問い合わせください。
refused-unknown-admin = アカウントの種類を Jira で確認できません。
refused-deactivated-title = このアカウントは無効化されています
refused-deactivated = Jira では、このアカウントは有効ではありません。Jira 管理者にお問い合わせください。
refused-deactivated-admin = アカウントが無効化されています。
refused-group-title = 管理者がまだ接続を許可していません
refused-group = この Jira サイトの管理者は、{ $service } への接続を特定のグループのメンバーだけに許可しています。いずれかのグループへの追加を Jira 管理者に依頼してください。
refused-group-admin = 接続が許可されているどのグループにも所属していません。

## 有効なキーがない理由 (本人向け)

trouble-service-away = { $service } が応答しないため、キーを更新できませんでした。自動的に再試行します。
trouble-service-waits = { $service } が、キーの更新を待つようアプリに求めています。自動的に再試行します。
trouble-refused = { $service } が理由を示さずにキーの更新を拒否しています。自動的に再試行します。拒否が続く場合は、再接続が必要になります。
trouble-app-refused = { $service } がアプリを拒否しているため、修正されるまでキーを更新できません。自動的に再試行します。
trouble-no-key = { $service } が新しいキーを発行しませんでした。自動的に再試行します。
trouble-jira-away = 新しいキーはまだ Jira に保存されていません。自動的に再試行します。
trouble-unknown = キーはまだ更新されていません。自動的に再試行します。
reconnect-revoked = { $service } はこの接続を受け付けなくなりました。{ $service } 側で終了されたか、有効期限が切れました。
reconnect-rotation-lost = キーの更新中に { $service } からの応答が失われました。{ $service } は同じ応答を再送しません。
reconnect-no-refresh-token = キーの有効期限が切れましたが、{ $service } は更新を許可していません。
reconnect-consent-ended = { $service } は定期的に同意を確認しており、その期限が来ました。問題があるわけではありません。
reconnect-restored = この接続は、最後のキーより古いバックアップから復元されました。あなたの操作に問題はなく、{ $service } 側でも接続は終了していません。
reconnect-keeps-refusing = キーの有効期限が切れた後、{ $service } は理由を示さずに更新を拒否し続けています。
aside-sealed = この接続の保存データを読み取れなくなりました。
aside-no-outcome = { $service } のキーをまだ更新できていません。自動的に再試行します。
aside-jira-refuses = Jira がアプリによるキーの保存を許可していません。Jira 管理者にアプリの権限の確認を依頼してください。
aside-site-not-allowed = { $service } 用アプリのベンダーは、このサイトに対応していません。
aside-too-large = { $service } の最新のキーは大きすぎて Jira に保存できません。再接続しても解決しません。サポートにお問い合わせください。
aside-too-large-size = { $service } の最新のキーは Jira で { $size } バイト必要ですが、Jira の上限は { $most } バイトです。再接続しても解決しません。サポートにお問い合わせください。
park-unauthorized = Jira が現在アプリを受け付けていません。自動的に再試行します。この状態が続く場合は、Jira 管理者にアプリの再インストールを依頼してください。
park-quota = Jira がアプリから 1 時間に受け付ける変更の上限に達しました。受け付けが再開され次第、キーが保存されます。
park-asked = Jira がアプリに待機を求めています。可能になり次第、キーが保存されます。
park-ip-allowlist = この Jira サイトの IP 許可リストがアプリをブロックしています。Atlassian 組織の管理者にアプリのアドレスの追加を依頼してください。追加後にキーが保存されます。
park-not-jira = この Jira サイトが現在アプリに応答していません。応答し次第、キーが保存されます。
park-no-system-token = しばらくの間、アプリが Jira にアクセスできていません。アクセスできるようになり次第 (通常は 1 時間以内)、キーが保存されます。
disconnect-key-ends = キーは Jira プロファイルから削除され、使用できなくなります。
disconnect-key-stays = キーは Jira プロファイルから削除され、更新されなくなります。キーのコピーは有効期限まで使用できる場合があります。
disconnect-shared-others = 別の人の接続も同じ { $service } アカウントを使用しており、ログインを終了すると両方の接続が終了します。そのため、もう一方の接続が終了するまで、{ $service } のログインは維持されます。
disconnect-shared-oneself = 別の Jira サイトでのあなたの接続も同じ { $service } アカウントを使用しており、ログインを終了すると両方の接続が終了します。そのため、もう一方の接続が終了するまで、{ $service } のログインは維持されます。

## 同じ内容 (サイト管理者向け)

reconnect-revoked-admin = { $service } が接続を終了しました。ユーザーは再接続できます。多くのユーザーで発生する場合は、アプリがブロックされていないか { $service } の管理者に確認してください。
reconnect-rotation-lost-admin = ネットワーク障害により接続が終了しました。ユーザーは再接続できます。
reconnect-no-refresh-token-admin = { $service } はこのユーザーのキーの更新を許可していません。ユーザーは再接続できますが、接続が続くのはキーの有効期限までです。
reconnect-consent-ended-admin = { $service } は定期的にユーザーの同意を確認します。このユーザーには事前に通知されており、再接続できます。
reconnect-restored-admin = アプリのデータが、この接続の最後のキーより古いバックアップから復元されました。ユーザーは再接続できます。
reconnect-keeps-refusing-admin = このユーザーのキーの有効期限が切れた後、{ $service } はキーの更新を拒否し続けています。ユーザーは再接続できます。多くのユーザーで発生する場合は、アプリのベンダーにお問い合わせください。
aside-sealed-admin = この接続の保存データを読み取れなくなりました。ユーザーは再接続できます。
aside-no-outcome-admin = { $service } のキーの更新が 3 回続けて中断されました。自動的に再試行します。必要な操作はありません。
aside-jira-refuses-admin = Jira がアプリによるこのユーザーのユーザー プロパティの書き込みを許可していません。アプリのユーザーにグローバル権限「Jira の管理」を付与するか、アプリがユーザーとして操作することを許可してください。15 分以内に更新が自動的に再開されます。
aside-site-not-allowed-admin = { $service } 用アプリは、このサイトのアドレスに対応していません。アプリのベンダーにお問い合わせください。対応後、更新は自動的に再開されます。
aside-too-large-admin = { $service } がこのユーザーに発行するキーは、Jira のユーザー プロパティの上限を超えています。アプリのベンダーにお問い合わせください。ここでは変更できません。
park-unauthorized-admin = Jira がアプリのトークンを拒否しています。アプリがまだインストールされている場合は、再インストールしてください。新しいシークレットが発行され、更新が再開されます。
park-global-quota-admin = アプリが、1 時間あたりの Jira の呼び出し回数の上限 (全サイト合計) に達しました。次の正時に、呼び出しが自動的に再開されます。
park-tenant-quota-admin = アプリが、このサイトに対する 1 時間あたりの Jira の呼び出し回数の上限に達しました。呼び出しは自動的に再開されます。
park-burst-admin = 短時間にアプリからこのサイトへの呼び出しが集中しました。呼び出しは自動的に再開されます。
park-asked-admin = このサイトがアプリに待機を求めています。呼び出しは自動的に再開されます。
park-ip-allowlist-admin = このサイトの IP 許可リストがアプリをブロックしています。Atlassian 組織の管理者がアプリのサーバーのアドレスを追加する必要があります。アドレスはアプリのベンダーにご確認ください。追加後 1 分以内に、呼び出しが自動的に再開されます。
park-not-jira-admin = このサイトのアドレスで別のページまたはサーバーが応答しているため、アプリが Jira にアクセスできません。誰の接続も解除されていません。Jira が復旧してから 2 分以内に、呼び出しが自動的に再開されます。サイトのアドレスが変わった場合は、新しいアドレスが反映されるように、Jira でアプリをアップデートしてください。
park-no-system-token-admin = 数時間の間、Atlassian がアプリのサーバーを呼び出していないため、アプリはこのサイトに書き込めません。1 時間ごとの次の呼び出しがあると、自動的に再開されます。再開されない場合は、アプリのベンダーにお問い合わせください。

## サイトでの出来事 (管理者向け)

event-connected = { $service } アカウントを接続しました。
event-disconnected = 接続を解除しました。
event-disconnected-admin = 管理者が接続を解除しました。
event-disconnected-jira = 接続が解除されました。Jira でアカウントが無効化または削除されています。
event-disconnected-atlassian = 接続が解除されました。Atlassian がアカウントを閉鎖しました。
event-disconnected-service = { $service } が接続を解除しました。
event-finished-by-another = このユーザーが開始した接続操作で { $service } から戻ったのは、別の人か別のブラウザーでした。アカウントは接続されませんでした。
event-refused = 接続できませんでした。{ $why }
event-moved-from-connect = サイトが、すべての接続とともに Atlassian Connect から Forge に移行しました。
event-moved = 新しくインストールされたアプリに、すべての接続が引き継がれました。
event-acting = { $service } のサーバーは、このユーザーとして Jira を操作できます ({ $scope })。
event-decided = 接続できるユーザーを変更しました。{ $what }
rule-customers-allowed = ポータルのみの顧客も接続できます。
rule-customers-denied = ポータルのみの顧客は接続できません。
rule-every-group = どのグループのユーザーも接続できます。
rule-groups = 次のグループのメンバーだけが接続できます: { $groups }。
rule-acting-denied = { $service } のサーバーは、ユーザーとして Jira を操作できません。

## アプリの権限の理由

scope-read = ユーザーの名前、アカウントが有効かどうか、所属グループ (グループを選択した場合のみ)、このページを開いたユーザーが Jira 管理者かどうかを読み取るため。
scope-write = 接続しているユーザーごとに、1 つのユーザー プロパティにキーを保存するため。
scope-delete = 接続の終了時にそのユーザー プロパティを削除するため。
scope-act-as-user = アプリの管理者権限が外された場合など、Jira がアプリ自体による書き込みを許可しないときに、ユーザーとしてそのプロパティを書き込むため。
scope-read-jira-user = ユーザーの名前、アカウントが有効かどうか、キー、所属グループ (グループを選択した場合のみ) を読み取るため。
scope-read-jira-work = このページを開いたユーザーが Jira 管理者かどうかを Jira に確認するため。アプリ自体は課題を読み取りません。
scope-write-jira-work = 接続しているユーザーごとに、1 つのユーザー プロパティにキーを保存し、削除するため。Atlassian にはこれより範囲の狭いスコープがありません。アプリ自体は課題に書き込みません。
scope-read-app-system-token = 誰も課題を表示していないときに、アプリとして Jira を呼び出すため。
scope-report-personal-data = 保存されているアカウントのうち閉鎖されたものを Atlassian に確認し、そのデータを消去するため。

## Jira の完了ページ

finish-proving-title = ユーザーを確認しています…
finish-proving = ログイン中のユーザーを { $app } が Jira に確認しています。
finish-proved-title = Jira に戻りました
finish-signed-in = Jira にログインしているアカウント
finish-next = 次に、このアカウントと、{ $service } にログインしたアカウントが並んで表示されます。そのページで [アカウントを接続] を選択するまで、接続は行われません。
finish-start-again = Jira に戻り、もう一度 [接続] を選択してください。
finish-look = 課題を確認してください。「接続済み」と表示されていれば完了です。表示されていない場合は、もう一度 [接続] を選択してください。
finish-over-title = この操作は終了しました
finish-over = 完了またはキャンセルされたか、時間がかかりすぎました。
finish-unauthorized-title = Jira でユーザーを確認できませんでした
finish-unauthorized = このページを再読み込みしてください。再び表示される場合は、このサイトの Jira 管理者にアプリの再インストールを依頼してください。
finish-nothing-title = ここで完了する操作はありません
finish-nothing = このページは、{ $service } にログインした後に Jira で表示されます。
jira-silent-title = Jira が応答しません
one-moment-title = しばらくお待ちください
finish-too-many = 一度に送信されたリクエストが多すぎました。
finish-unavailable-title = 現在利用できません
finish-unreachable-title = 通信できません
finish-no-bridge-title = Jira がこのページに応答しません
finish-no-bridge = このページは Jira 内でのみ動作します。
finish-failed-title = 問題が発生しました
finish-late-title = 時間がかかりすぎました
finish-late = 安全のため、操作は開始から 10 分、{ $service } から戻った後は 5 分で終了します。
not-allowed-title = このアカウントは接続できません
finish-wrong-person-title = この操作は別の人が開始しました
finish-wrong-person = { $name } として Jira にログインしていますが、この操作を開始したのは別の人です。アカウントは接続されませんでした。
finish-wrong-person-unnamed = Jira にログインしているユーザーが、この操作を開始したユーザーと異なります。アカウントは接続されませんでした。
finish-wrong-person-advice = 誰かに案内されてこのページを開いた場合は、このタブを閉じてください。ご自身のアカウントを接続するには、Jira の課題で [接続] を選択してください。Jira アカウントが 2 つある場合は、操作を開始したアカウントでログインしてから、もう一度 [接続] を選択してください。

## Jira 内のすべてのページのスクリプト

frame-slow = 少し時間がかかりました。もう一度ボタンを選択してください。
frame-clock-title = 時計がずれています
frame-clock-apart = お使いのコンピューターとアプリのサーバーの時計が { $minutes } 分ずれています。コンピューターの日付、時刻、タイムゾーンを確認し、ページを再読み込みしてください。正しい場合は、サポートにお問い合わせください。
frame-clock-other = アプリのサーバーの時計では、Jira によるユーザーの確認の有効期限が切れています。お使いのコンピューターの時計は、サーバーの時計と一致しています。ページを再読み込みしてください。解決しない場合は、サポートにお問い合わせください。
frame-not-left = ページは開かれませんでした。続行するには、もう一度ボタンを選択し、Jira で { $host } を開くことを許可してください。

## Jira 管理者のページ

admin-loading = Jira でユーザーを確認しています…
admin-refused-title = 現在このページを表示できません
admin-refused = アプリのサーバーまたは Jira が応答していません。しばらくしてからもう一度お試しください。
admin-about = ユーザーは、課題で自分の Jira アカウントと { $service } アカウントを接続します。{ $app } は有効期限付きのキーをユーザーの Jira プロファイルに保存し、接続が終了するまで更新します。
admin-start-title = はじめに
admin-start-connect = 任意の課題を開き、横に表示される { $app } で [接続] を選択します。{ $service } にログインし、戻ったら接続を確定します。
admin-start-decide = 接続できるユーザーを下で選択してください。選択するまでは、このサイトの Jira アカウントを持つすべてのユーザーが接続できます。
admin-start-allowlist = このサイトに IP 許可リストがある場合は、[稼働状況] に表示されるアドレスをリストに追加してください。
admin-health-title = 稼働状況
admin-health-well = 正常
admin-health-ill = 要対応
admin-health-well-text = キーの更新を妨げる問題はありません。
admin-health-waits = 待機中の呼び出しがあります:
admin-health-disabled = このサイトではアプリが無効になっています。[アプリの管理] で有効にしてください。有効にするまで、キーは更新されません。
admin-health-next-try = 次回の試行: { $time }
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
admin-allowlist-ask = このサイトに IP 許可リストがある場合は、追加するアドレスをアプリのベンダーにご確認ください。
admin-links-title = 接続しているユーザー
admin-search = 検索
admin-search-hint = 名前またはアカウント ID
admin-show = 表示
admin-show-all = すべて
admin-show-connected = 接続済み
admin-show-trouble = 接続済み (問題あり)
admin-show-reconnect = 再接続が必要
admin-links-table = 接続しているユーザーの表
admin-person = ユーザー
admin-account = { $service } アカウント
admin-state = ステータス
admin-since = 接続日時
key-valid-until = キーの有効期限
admin-state-connected = 接続済み
admin-state-connecting = 接続処理中
admin-state-expired = キーの期限切れ
admin-state-reconnect = 再接続が必要
admin-links-none = 接続したユーザーはまだいません。
admin-links-not-found = 一致するものがありません。
admin-links-found = { $count } 人見つかりました
admin-links-found-more = { $count } 人以上見つかりました
admin-links-of = { $count } 人中 { $shown } 人
admin-first-page = 最初のページ
admin-next-page = 次のページ
admin-find-left = 無効なユーザーを検索
admin-end-all = すべての接続を解除
admin-close = 閉じる
admin-ask-one = { $name } の接続を解除しますか?
admin-ended-one = { $name } の接続を解除しました。
admin-ask-all = すべての接続を解除しますか? { $count } 件の接続が完全に終了します。キーは Jira から削除されて使用できなくなり、各ユーザーがもう一度接続する必要があります。
admin-ending-all = { $count } 件の接続を解除しました。残り { $left } 件…
admin-ended-all = すべての接続 ({ $count } 件) を解除しました。
admin-checked = { $count } 人を確認しました…
admin-nobody-left = 無効なユーザーはいません。{ $count } 人全員が Jira に存在し、アカウントは有効です。
admin-left = 無効なユーザーが { $count } 人います。Jira アカウントが無効化または削除されています。
admin-left-more = ほか { $count } 人
admin-end-left = { $count ->
   *[other] これらのユーザーの接続を解除
}
admin-ended-left = 無効なユーザー { $count } 人の接続を解除しました。
admin-rule-title = 接続できるユーザー
admin-customers = Jira Service Management のポータルのみの顧客に接続を許可
admin-customers-note = ヘルプ センターからこのサイトを使用し、自分の Jira アカウントを持たない顧客です。
admin-act-as = { $service } のサーバーに、接続しているユーザーとしての Jira の操作を許可
admin-act-as-note = ユーザー本人ができる以上の操作はできません。許可のたびに [履歴] に記録されます。
admin-groups = 次のグループのメンバーのみ
admin-groups-note = グループの名前または ID を 1 行に 1 つずつ入力してください。空欄にすると、すべてのユーザーが接続できます。アプリは接続のたびに Jira に確認します。すでに接続しているユーザーの接続は維持されます。
admin-save = 保存
admin-saved = 保存しました。
admin-events-title = 履歴
admin-events-days = { $days } 日間保存されます。
admin-events-table = 履歴の表
admin-when = 日時
admin-what = 内容
admin-by = 実行者
admin-by-person = 本人
admin-by-admin = 管理者
admin-by-service = { $service }
admin-by-jira = Jira
admin-by-atlassian = Atlassian
admin-by-app = { $app }
admin-events-none = 履歴はまだありません。
admin-export-csv = CSV をエクスポート
admin-export-lines = JSON Lines をエクスポート
admin-file-saved = { $file } を保存しました。
admin-scopes-title = { $app } が Jira でできることとその理由
admin-scopes-table = 権限の表
admin-permission = 権限
admin-why = 理由
admin-no-issue = 課題、コメント、添付ファイルは読み取りません。
