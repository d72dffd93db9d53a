## أزرار وتسميات في عدة صفحات

button-continue = متابعة
button-cancel = إلغاء
button-try-again = إعادة المحاولة
button-another-account = استخدام حساب آخر
button-disconnect = قطع الاتصال
back-to-jira = العودة إلى Jira
back-to-issue = العودة إلى { $issue }
account-id = معرّف الحساب
code-label = الرمز:
reference-label = المرجع:
your-jira-account = حسابك في Jira
connected-as = متصل باسم { $name }
still-connected = ما زلت متصلًا بـ { $service } باسم { $name }.
nothing-connected = لم يتم توصيل أي شيء.
nothing-connected-yet = لم يتم توصيل أي شيء بعد. أعد المحاولة بعد لحظات.
try-again-soon = لم ينجح ذلك. أعد المحاولة بعد لحظات.

## اللوحة في المهمة

button-connect = توصيل
button-reconnect = إعادة التوصيل
panel-checking = جارٍ التحقق من اتصالك…
panel-unreachable = يتعذر الوصول إلى { $app }
panel-offline = أنت غير متصل بالإنترنت
panel-retrying = ستتم إعادة المحاولة تلقائيًا.
panel-retry-at = ستتم إعادة المحاولة عند { $time }.
panel-retry-online = سيتم التحديث عند عودتك إلى الإنترنت.
panel-retry-reload = ستتم إعادة المحاولة تلقائيًا. إذا لم يفد ذلك، فأعد تحميل المهمة.
panel-unfinished = لم تُكمل التوصيل، لذلك لم يتم توصيل أي شيء.
panel-unfinished-stays = لم تُكمل التوصيل. يبقى { $name } متصلًا.
panel-unfinished-unchanged = لم تُكمل التوصيل، لذلك لم يتغير شيء.
panel-cancelled = تم الإلغاء. لم يتم توصيل أي شيء.
panel-cancelled-stays = تم الإلغاء. يبقى { $name } متصلًا.
panel-cancelled-unchanged = تم الإلغاء. لم يتغير شيء.
panel-left-shared = تم قطع الاتصال. لم يعد المفتاح يُجدَّد. يحتفظ { $service } بتسجيل الدخول حتى ينتهي الاتصال الآخر بالحساب نفسه.
panel-left-retried = تم قطع الاتصال. لم يعد المفتاح يُجدَّد. لم يؤكد { $service } أو Jira بعدُ إزالة المفتاح الأخير. ستتم إعادة المحاولة تلقائيًا.
panel-connect-title = وصّل حسابك في { $service }
panel-connect = استخدم { $service } من Jira بحسابك الشخصي. يحتفظ { $app } بمفتاح مؤقت في ملفك الشخصي في Jira ويجدده حتى تقطع الاتصال.
panel-connecting = جارٍ التوصيل…
panel-finish-in-tab = أكمل في علامة التبويب التي فُتحت: سجّل الدخول إلى { $service }، ثم عد إلى Jira، ثم أكّد.
panel-tab-lost = هل أغلقت علامة التبويب أو فقدتها؟ ابدأ من جديد أو ألغِ.
panel-arriving = جارٍ توصيل { $name }…
panel-arriving-text = لم يصل مفتاحك إلى Jira بعد. ستتم إعادة المحاولة تلقائيًا.
panel-purpose = يمكنك استخدام { $service } من Jira بحسابك الشخصي.
panel-consent = ينتهي اتصالك بـ { $service } في { $date }. أعد التوصيل للاحتفاظ به.
panel-account = الحساب
panel-expired-at = انتهت صلاحيته
panel-since = انتهت صلاحية المفتاح: { $time }.
panel-was = كان متصلًا باسم { $name }.
panel-switching = جارٍ توصيل حساب آخر…
panel-reconnecting = جارٍ إعادة التوصيل…
panel-stays = يبقى { $name } متصلًا حتى تنتهي.
panel-switching-text = أكمل في علامة التبويب التي فُتحت. هل أغلقتها أو فقدتها؟ ابدأ من جديد أو ألغِ.
panel-not-installed-title = لم يتم تثبيت { $app } بشكل صحيح
panel-not-installed = أعد تحميل المهمة. إذا ظهر لك هذا مجددًا، فاطلب من مسؤول Jira في هذا الموقع إعادة تثبيت { $app }.
panel-renewing = جارٍ تجديد المفتاح…
panel-renewed = تم تجديد المفتاح.
panel-manage = إدارة
panel-renew-now = التجديد الآن
panel-disconnect-ask = هل تريد قطع الاتصال بـ { $service }؟
panel-details = التفاصيل
panel-service = الخدمة
panel-renewed-at = آخر تجديد
panel-key-number = رقم المفتاح
panel-blocked-title = لم تُفتح علامة تبويب جديدة.
panel-blocked = ربما حظرها متصفحك. ابحث عن رمز في شريط العنوان، واسمح بالنوافذ المنبثقة لموقع Jira هذا، ثم حدد الزر مرة أخرى.
panel-ask-admin = اسأل مسؤول Jira في هذا الموقع.
panel-reconnect-default = تعذر تجديد المفتاح. أعد التوصيل لإصلاح ذلك.
panel-flag-reconnect = اتصالك بـ { $service } يحتاج إليك. حدد «إعادة التوصيل» في هذه المهمة.
panel-flag-expired = توضح اللوحة في هذه المهمة السبب.
panel-flag-works = عاد اتصالك بـ { $service } إلى العمل

## صفحة التوصيل

link-title = توصيل { $service } بـ Jira
link-page-title = توصيل { $service }
link-connected-as = أنت متصل بـ { $service } باسم { $name }. سيبقى ذلك حتى توصّل حسابًا آخر.
link-awaits-jira-title = لقد سجّلت الدخول إلى { $service }، لكن Jira لم يؤكد هويتك بعد.
link-awaits-jira = إذا كانت صفحة Jira ما زالت مفتوحة في علامة تبويب أخرى، فتابع من هناك. وإلا فحدد «متابعة» لتسجيل الدخول مرة أخرى.
link-for = أنت توصّل حساب Jira هذا
link-not-you = ليس حسابك أو ليس موقعك؟ إذن بدأ شخص آخر هذه العملية. حدد «إلغاء».
link-shared-title = ما ستتم مشاركته
link-shared-key = يُخزَّن مفتاح مؤقت لـ { $service } في ملفك الشخصي في Jira على هذا الموقع.
link-shared-readers = يمكنك أنت ومسؤولو هذا الموقع والتطبيقات التي لديها أذونات المسؤول قراءته هناك.
link-shared-renewed = يجدده { $app } حتى تقطع الاتصال.
link-shared-renewed-issue = يجدده { $app } حتى تقطع الاتصال، ويمكنك ذلك من { $issue } أو من أي مهمة أخرى.
link-log-out-title = لتوصيل حساب آخر، سجّل الخروج من { $service } أولًا.
link-log-out = افتح { $service } في علامة تبويب أخرى وسجّل الخروج هناك، ثم حدد «متابعة» هنا. وإلا فسيستخدم { $service } الحساب الذي سجّلت الدخول به.
link-next-choose = بعد ذلك يسألك { $service } عن الحساب الذي تريد استخدامه. ثم تعود إلى Jira، ثم إلى هنا للتأكيد.
link-next = بعد ذلك سجّل الدخول إلى { $service }. ثم تعود إلى Jira، ثم إلى هنا للتأكيد.

## الصفحة التي تعرض الحسابين

both-title = هل تريد توصيل هذين الحسابين؟
both-check = تحقق من أن كليهما لك. لن يتم توصيل أي شيء حتى تحدد «توصيل الحسابين».
both-connect = توصيل الحسابين
both-elsewhere-title = أكّد Jira هذا من شبكة أخرى أو متصفح آخر.
both-elsewhere = إذا لم تفتح Jira في مكان آخر الآن، فربما يحاول شخص آخر توصيل حسابك في { $service } بحسابه. حدد «إلغاء».
both-replaces = الحساب { $old } متصل الآن وسيحل محله { $new }. سيتوقف مفتاح { $old } عن العمل.
both-shared-one = { $first } في هذا الموقع متصل بالحساب نفسه أيضًا. سيعمل الاتصالان كلاهما.
both-shared-two = { $first } و{ $second } في هذا الموقع متصلان بالحساب نفسه أيضًا. ستعمل جميع الاتصالات.
both-shared-three = { $first } و{ $second } و{ $third } في هذا الموقع متصلون بالحساب نفسه أيضًا. ستعمل جميع الاتصالات.
both-stored = سيخزّن { $app } مفتاحًا مؤقتًا لـ { $service } في ملف Jira الشخصي هذا. يمكن لمسؤولي الموقع قراءته هناك.
both-not-yours = ليس حسابك في Jira أو ليس موقعك؟ إذن بدأ شخص آخر هذه العملية. حدد «إلغاء».
both-log-out = لاستخدام حساب آخر، سجّل الخروج من { $service } في علامة تبويب أخرى أولًا. وإلا فسيستخدم { $service } الحساب الذي سجّلت الدخول به.
both-no-script = اسمح بتشغيل JavaScript في هذه الصفحة للتوصيل. يضمن ذلك أن ترى هذه الصفحة قبل أن تحدد «توصيل الحسابين».

## أثناء سؤال الخدمة

waiting-title = جارٍ سؤال { $service } عن هويتك…
waiting-text = للموقع { $site }. يُعاد تحميل هذه الصفحة تلقائيًا. لن يتم توصيل أي شيء حتى تؤكد.

## نتيجة المحاولة

key-expired-title = انتهت صلاحية مفتاحك في { $service }
over-jira-waits = لم يخزّن Jira المفتاح بعد. ستتم إعادة المحاولة تلقائيًا. سيظهر ذلك في المهمة عند وصوله.
over-renews = يجدد { $app } مفتاحك حتى تقطع الاتصال، ويمكنك ذلك من أي مهمة.
over-renews-issue = يجدد { $app } مفتاحك حتى تقطع الاتصال، ويمكنك ذلك من { $issue } أو من أي مهمة أخرى.
reconnect-title = إعادة توصيل { $service }
over-reconnect = افتح مهمة في Jira وحدد «إعادة التوصيل».
over-disconnected-title = لقد قطعت الاتصال بـ { $service }
over-disconnected = تم توصيل حسابك هنا ثم قُطع الاتصال لاحقًا. لتوصيله مرة أخرى، افتح مهمة في Jira وحدد «توصيل».
over-cancelled-title = تم الإلغاء
over-replaced-title = لقد بدأت من جديد في علامة تبويب أخرى
over-replaced = هذه هي الصفحة الأقدم ولم يعد بالإمكان استخدامها.
over-refused-title = تم إيقاف هذه المحاولة
over-refused = لم تعد المحاولة إلى Jira كما بدأت، لذلك أُوقفت حفاظًا على أمانك.
over-failed-title = انتهت هذه المحاولة
over-failed = لم يكملها { $service } أو استغرقت وقتًا طويلًا.
over-failed-again = لإعادة المحاولة، افتح مهمة في Jira وحدد «توصيل».
over-ended = أنهى ذلك هذه المحاولة.
over-disconnected-meanwhile-title = لقد قطعت الاتصال في هذه الأثناء
over-uninstalled-title = أُزيل التطبيق أو أُعيد تثبيته في هذه الأثناء
over-newer = المتابعة مع الأحدث

## الأخطاء

button-start-again = البدء من جديد
error-look-again = عرض الصفحة الحالية
error-unauthorized-title = لم يؤكد Jira هويتك
error-unauthorized = أعد تحميل المهمة في Jira وحاول مرة أخرى. إذا تكرر ذلك، فتحقق من التاريخ والوقت في جهازك. وإذا كانا صحيحين، فاطلب من مسؤول Jira إعادة تثبيت التطبيق.
error-old-panel = إذا كان في هذا الموقع تطبيق { $app } الجديد، فاستخدم لوحته في المهمة بدلًا من هذه اللوحة: كل من كان متصلًا ما زال متصلًا هناك. وإلا فأعد تحميل المهمة وتحقق من التاريخ والوقت في جهازك. وإذا تكرر ذلك، فاطلب من مسؤول Jira فحص التطبيق.
error-wrong-caller-title = لا يقبل هذا العنوان هذا الاستدعاء
error-wrong-caller = يقبل استدعاءات من نوع آخر: من صفحة شخص أو من Forge نفسه.
error-setting-up-title = يجري إعداد التطبيق لهذا الموقع
error-setting-up = يستغرق ذلك بضع دقائق بعد التثبيت، وساعة على الأكثر. أعد المحاولة بعد ذلك.
error-not-served-title = لا يخدم التطبيق هذا الموقع
error-not-served = تم استبدال هذا التثبيت من التطبيق، أو أن مورّد التطبيق لا يخدم موقع Jira هذا. اطلب من مسؤول Jira فحص التطبيق أو اتصل بالدعم.
error-not-admin-title = لا يمكن إلا لمسؤولي Jira استخدام هذه الصفحة
error-not-admin = لا يشير Jira إلى أن لديك الإذن العام «إدارة Jira» في هذا الموقع. إذا كان لديك، فاطلب من مسؤول آخر التحقق من أن التطبيق مسموح له بقراءة الأذونات.
error-wrong-person-title = بدأ شخص آخر هذا الاتصال
error-wrong-person = بدأ شخص آخر التوصيل. لم يتم توصيل أي شيء. لتوصيل حسابك، افتح مهمة وحدد «توصيل».
error-wrong-person-name = لقد سجّلت الدخول إلى Jira باسم { $name }، وبدأ شخص آخر التوصيل. لم يتم توصيل أي شيء. لتوصيل حسابك، افتح مهمة وحدد «توصيل».
error-wrong-browser-title = لا تخص هذه الصفحة هذا المتصفح
error-wrong-browser = فُتحت في متصفح آخر أو قبل أكثر من ساعة، أو أن متصفحك يحظر ملفات تعريف الارتباط لهذا الموقع. لم يتم توصيل أي شيء. اسمح بملفات تعريف الارتباط هنا إذا كنت تحظرها، ثم افتح المهمة في Jira وحدد «توصيل» مرة أخرى.
error-denied-title = لم تسمح بالوصول
error-denied = لم تسمح بالوصول في { $service }، لذلك لم يتم توصيل أي شيء. إذا كان ذلك خطأ، فافتح المهمة في Jira وحدد «توصيل» مرة أخرى.
error-cross-site-title = جاء هذا الطلب من موقع آخر
error-cross-site = لم يتغير شيء. افتح المهمة في Jira وحدد «توصيل» هناك.
error-attempt-over-title = انتهت محاولة التوصيل هذه
error-attempt-over = اكتملت أو أُلغيت أو بدأت من جديد في مكان آخر، أو استغرقت وقتًا طويلًا. إذا لم تعرضك المهمة في Jira متصلًا، فحدد «توصيل» هناك مرة أخرى.
error-timed-out-title = استغرق ذلك وقتًا طويلًا
error-timed-out = حفاظًا على أمانك، تنتهي محاولة التوصيل بعد عشر دقائق، وبعد خمس دقائق من عودتك من الخدمة. لم توصّل هذه المحاولة أي شيء. إذا لم تعرضك المهمة في Jira متصلًا، فحدد «توصيل» هناك وأكمل دون توقف طويل.
error-code-expired-title = استغرق ذلك وقتًا طويلًا
error-code-expired = يُبقي { $service } تسجيل الدخول في الانتظار لوقت قصير فقط، وقد انتهى ذلك الوقت. لم يتم توصيل أي شيء. ابدأ من جديد وتابع فور عودتك إلى Jira.
error-out-of-date-title = هذه الصفحة قديمة
error-out-of-date = تغيّر شيء منذ عرض هذه الصفحة، لذلك لم توصّل نقرتك أي شيء. انظر إلى الصفحة الحالية.
error-ahead-title = لا تُحمَّل هذه الصفحة مسبقًا
error-ahead = افتحها بنفسك.
error-not-linked-title = لا يوجد حساب متصل
error-not-linked = لا يوجد مفتاح. حدد «توصيل» أولًا.
error-bad-request-title = تعذر فهم الطلب
error-rule-customers = لا يسمح مورّد التطبيق لعملاء البوابة بالتوصيل.
error-rule-long-group = لا يزيد اسم المجموعة على 255 حرفًا في سطر واحد.
error-rule-many-groups = يمكنك اختيار 50 مجموعة كحد أقصى.
error-not-found-title = هذه الصفحة غير موجودة
error-not-found = عد إلى Jira وافتح المهمة التي أتيت منها.
error-method-title = لا يمكن استخدام هذا العنوان بهذه الطريقة
error-too-large-title = الطلب كبير جدًا
error-too-large = الحد الأقصى هو 64 كيبيبايت.
error-too-slow-title = استغرق الطلب وقتًا طويلًا
error-too-slow = لم يصل في الوقت المحدد. أعد المحاولة.
error-too-many-title = طلبات كثيرة جدًا
error-too-many = انتظر لحظة ثم أعد المحاولة.
error-crowded-title = طلبات كثيرة جدًا قيد الانتظار
error-crowded = لم يتغير شيء. انتظر لحظة ثم أعد المحاولة.
error-service-refused-title = تعذر على { $service } إكمال الطلب
error-service-refused = لم يقبل { $service } الطلب. لم يتم توصيل أي شيء. لإعادة المحاولة، حدد «توصيل» في المهمة.
error-scope-refused-title = لا يسمح { $service } بما يطلبه التطبيق
error-scope-refused = رفض { $service } أحد الأذونات التي يطلبها التطبيق، لذلك لم يتم توصيل أي شيء. ربما لا تسمح به مؤسستك في { $service }، أو أن التطبيق يطلب أكثر مما يلزم. لا تفيد إعادة المحاولة: اتصل بالدعم واذكر الرمز أدناه.
error-app-refused-title = لا يقبل { $service } هذا التطبيق
error-app-refused = يرفض { $service } التطبيق نفسه للجميع. لم يتم توصيل أي شيء. لا تفيد إعادة المحاولة حتى يتم إصلاح ذلك: اتصل بالدعم واذكر الرمز أدناه.
error-key-too-large-title = المفتاح كبير جدًا بالنسبة إلى Jira
error-key-too-large = يحتاج مفتاح { $service } إلى { $size } بايت في Jira، ويقبل Jira { $most }. لم يتم توصيل أي شيء وأُلغي المفتاح. لا تفيد إعادة المحاولة: اتصل بالدعم واذكر الرمز أدناه.
error-service-unreachable-title = يتعذر الوصول إلى { $service }
error-service-unreachable = لا يستجيب { $service } في الوقت الحالي. أعد المحاولة بعد دقيقة.
error-jira-unreachable-title = يتعذر الوصول إلى Jira
error-jira-unreachable = لا يستجيب Jira في الوقت الحالي. أعد المحاولة بعد دقيقة.
error-ip-allowlist-title = يحظر موقع Jira هذا التطبيق
error-ip-allowlist = تحمي هذا الموقع قائمة عناوين IP مسموح بها، ولا تتضمن عنوان خادم التطبيق. لم يتغير شيء. اطلب من مسؤول مؤسستك في Atlassian إضافة العنوان. يعرفه مورّد التطبيق.
error-jira-busy-title = يطلب Jira من التطبيق الانتظار
error-jira-busy = { $minutes ->
    [one] يحدّ Jira من عدد مرات استدعاء التطبيقات له. لم يُفقد شيء، وما هو متصل يبقى متصلًا. أعد المحاولة بعد دقيقة.
    [two] يحدّ Jira من عدد مرات استدعاء التطبيقات له. لم يُفقد شيء، وما هو متصل يبقى متصلًا. أعد المحاولة بعد دقيقتين.
    [few] يحدّ Jira من عدد مرات استدعاء التطبيقات له. لم يُفقد شيء، وما هو متصل يبقى متصلًا. أعد المحاولة بعد { $minutes } دقائق.
   *[other] يحدّ Jira من عدد مرات استدعاء التطبيقات له. لم يُفقد شيء، وما هو متصل يبقى متصلًا. أعد المحاولة بعد { $minutes } دقيقة.
}
error-unavailable-title = غير متاح في الوقت الحالي
error-unavailable = لم يُفقد شيء. أعد المحاولة بعد دقيقة.
error-not-ready-title = غير جاهز
error-internal-title = حدث خطأ ما
error-internal = لقد سجّلنا ما حدث. أعد المحاولة. إذا تكرر ذلك، فاتصل بالدعم.
error-unknown-caller-title = غير مصرّح به
error-unknown-caller = أرسل قيمة LATCHKEY_INTROSPECTION_SECRET ككلمة مرور HTTP Basic أو كرمز Bearer.

## من لا يمكنه التوصيل

refused-anonymous-title = سجّل الدخول إلى Jira أولًا
refused-anonymous = يعرض Jira هذه المهمة للزوار. سجّل الدخول إلى Jira وأعد تحميل المهمة، ثم وصّل حسابك.
refused-anonymous-admin = لم يكن أحد مسجّلًا الدخول إلى Jira.
refused-customer-title = لا يمكن لعملاء البوابة التوصيل
refused-customer = أنت تستخدم هذا الموقع عميلًا لمركز المساعدة. لا يمكن توصيل { $service } إلا لمن لديهم حساب في Jira. اطلب حسابًا من مسؤول Jira.
refused-customer-admin = لا يمكن لعملاء البوابة التوصيل في هذا الموقع.
refused-app-title = لا يمكن للتطبيقات التوصيل
refused-app = هذا حساب تطبيق. سجّل الدخول إلى Jira كشخص.
refused-app-admin = إنه حساب تطبيق وليس حساب شخص.
refused-unknown-title = لا يمكنك توصيل هذا الحساب
refused-unknown = لا يوضح Jira نوع هذا الحساب. اسأل مسؤول Jira.
refused-unknown-admin = لا يوضح Jira نوع هذا الحساب.
refused-deactivated-title = هذا الحساب معطّل
refused-deactivated = يفيد Jira بأن هذا الحساب غير نشط. اسأل مسؤول Jira.
refused-deactivated-admin = الحساب معطّل.
refused-group-title = لم يسمح لك المسؤول بالتوصيل بعد
refused-group = لا يسمح مسؤولو موقع Jira هذا بتوصيل { $service } إلا لأعضاء مجموعات معينة. اطلب من مسؤول Jira إضافتك إلى إحداها.
refused-group-admin = لا ينتمي الشخص إلى أي من المجموعات التي يُسمح لأعضائها بالتوصيل.

## سبب عدم وجود مفتاح صالح، للشخص

trouble-service-away = لا يستجيب { $service }، لذلك تعذر تجديد المفتاح. ستتم إعادة المحاولة تلقائيًا.
trouble-service-waits = طلب { $service } من التطبيق الانتظار قبل تجديد المفتاح. ستتم إعادة المحاولة تلقائيًا.
trouble-refused = يرفض { $service } تجديد المفتاح دون ذكر السبب. ستتم إعادة المحاولة تلقائيًا. إذا استمر الرفض، فسيُطلب منك إعادة التوصيل.
trouble-app-refused = يرفض { $service } التطبيق، لذلك لا يمكن تجديد المفاتيح حتى يتم إصلاح ذلك. ستتم إعادة المحاولة تلقائيًا.
trouble-no-key = لم يقدم { $service } مفتاحًا جديدًا. ستتم إعادة المحاولة تلقائيًا.
trouble-jira-away = لم يخزّن Jira المفتاح الجديد بعد. ستتم إعادة المحاولة تلقائيًا.
trouble-unknown = لم يُجدَّد المفتاح بعد. ستتم إعادة المحاولة تلقائيًا.
reconnect-revoked = لم يعد { $service } يقبل هذا الاتصال. تم إنهاؤه هناك أو انتهت صلاحيته.
reconnect-rotation-lost = فُقدت استجابة من { $service } أثناء تجديد المفتاح، ولا يكررها { $service }.
reconnect-no-refresh-token = انتهت صلاحية المفتاح، ولا يسمح { $service } بتجديده.
reconnect-consent-ended = يسأل { $service } من وقت إلى آخر عما إذا كنت لا تزال موافقًا، وقد حان الموعد. لا يوجد أي خطأ.
reconnect-restored = استُعيد هذا الاتصال من نسخة احتياطية أقدم من مفتاحه الأخير. لم ترتكب أي خطأ، ولم يُنهَ أي شيء في { $service }.
reconnect-keeps-refusing = انتهت صلاحية المفتاح، ورفض { $service } تجديده في كل مرة منذ ذلك الحين دون ذكر السبب.
aside-sealed = لم يعد بالإمكان قراءة البيانات المخزّنة لهذا الاتصال.
aside-no-outcome = تعذر تجديد مفتاح { $service } حتى الآن. ستتم إعادة المحاولة تلقائيًا.
aside-jira-refuses = لا يسمح Jira للتطبيق بتخزين المفتاح. يمكن لمسؤول Jira التحقق من أذونات التطبيق.
aside-site-not-allowed = لا يخدم مورّد تطبيق { $service } هذا الموقع.
aside-too-large = أحدث مفتاح من { $service } كبير جدًا بالنسبة إلى Jira. لا تفيد إعادة التوصيل: اتصل بالدعم.
aside-too-large-size = يحتاج أحدث مفتاح من { $service } إلى { $size } بايت في Jira، ويقبل Jira { $most }. لا تفيد إعادة التوصيل: اتصل بالدعم.
park-unauthorized = لا يقبل Jira التطبيق في الوقت الحالي. ستتم إعادة المحاولة تلقائيًا. إذا استمر ذلك، فيمكن لمسؤول Jira إعادة تثبيت التطبيق.
park-quota = لا يقبل Jira مزيدًا من التغييرات من التطبيق خلال هذه الساعة. سيصل المفتاح حالما يقبلها.
park-asked = طلب Jira من التطبيق الانتظار. سيصل المفتاح في أقرب وقت ممكن.
park-ip-allowlist = تحظر قائمة عناوين IP المسموح بها في موقع Jira هذا التطبيق. اطلب من مسؤول مؤسستك في Atlassian إضافة عنوان التطبيق. سيصل المفتاح بعد ذلك.
park-not-jira = لا يستجيب موقع Jira هذا للتطبيق في الوقت الحالي. سيصل المفتاح حالما يستجيب.
park-no-system-token = لم يسمح Jira للتطبيق بالدخول منذ فترة. سيصل المفتاح حالما يسمح، عادةً خلال ساعة.
disconnect-key-ends = يُحذف المفتاح من ملفك الشخصي في Jira ويتوقف عن العمل.
disconnect-key-stays = يُحذف المفتاح من ملفك الشخصي في Jira ولا يُجدَّد. قد تعمل نسخة منه حتى انتهاء صلاحيته.
disconnect-shared-others = يستخدم اتصال شخص آخر حساب { $service } نفسه، وإنهاء تسجيل الدخول ينهي الاتصالين. لذلك يحتفظ { $service } بتسجيل الدخول حتى ينتهي ذلك الاتصال أيضًا.
disconnect-shared-oneself = يستخدم اتصالك في موقع Jira آخر حساب { $service } نفسه، وإنهاء تسجيل الدخول ينهي الاتصالين. لذلك يحتفظ { $service } بتسجيل الدخول حتى ينتهي ذلك الاتصال أيضًا.

## الشيء نفسه لمسؤولي الموقع

reconnect-revoked-admin = أنهى { $service } الاتصال. يمكن للشخص إعادة التوصيل. إذا حدث ذلك لكثيرين، فاسأل المسؤول لديك في { $service } عما إذا كان التطبيق محظورًا هناك.
reconnect-rotation-lost-admin = أنهى عطل في الشبكة الاتصال. يمكن للشخص إعادة التوصيل.
reconnect-no-refresh-token-admin = لا يسمح { $service } بتجديد مفاتيح هذا الشخص. يمكن للشخص إعادة التوصيل طوال مدة صلاحية المفتاح.
reconnect-consent-ended-admin = يسأل { $service } الأشخاص من وقت إلى آخر عما إذا كانوا لا يزالون موافقين. أُبلغ الشخص مسبقًا ويمكنه إعادة التوصيل.
reconnect-restored-admin = استُعيدت بيانات التطبيق من نسخة احتياطية أقدم من المفتاح الأخير لهذا الاتصال. يمكن للشخص إعادة التوصيل.
reconnect-keeps-refusing-admin = يرفض { $service } تجديد مفتاح هذا الشخص منذ انتهاء صلاحيته. يمكن للشخص إعادة التوصيل. إذا حدث ذلك لكثيرين، فاتصل بمورّد التطبيق.
aside-sealed-admin = لم يعد بالإمكان قراءة البيانات المخزّنة لهذا الاتصال. يمكن للشخص إعادة التوصيل.
aside-no-outcome-admin = انقطع تجديد مفتاح { $service } ثلاث مرات متتالية. ستتم إعادة المحاولة تلقائيًا. لا يلزمك فعل أي شيء.
aside-jira-refuses-admin = لا يسمح Jira للتطبيق بكتابة خاصية المستخدم لهذا الشخص. امنح مستخدم التطبيق الإذن العام «إدارة Jira»، أو اسمح للتطبيق بالتصرف نيابةً عن المستخدمين. يُستأنف التجديد تلقائيًا خلال 15 دقيقة.
aside-site-not-allowed-admin = لا يخدم تطبيق { $service } عنوان هذا الموقع. اتصل بمورّد التطبيق. يُستأنف التجديد تلقائيًا بعد ذلك.
aside-too-large-admin = المفاتيح التي يمنحها { $service } لهذا الشخص أكبر مما تسمح به خصائص المستخدم في Jira. اتصل بمورّد التطبيق. لا يمكنك تغيير ذلك هنا.
park-unauthorized-admin = يرفض Jira رموز التطبيق. إذا كان التطبيق لا يزال مثبتًا، فأعد تثبيته: يحصل على سر جديد ويُستأنف التجديد.
park-global-quota-admin = استهلك التطبيق حصته من استدعاءات Jira في الساعة لجميع المواقع. تُستأنف الاستدعاءات تلقائيًا عند رأس الساعة.
park-tenant-quota-admin = استهلك التطبيق حصته من استدعاءات Jira في الساعة لهذا الموقع. تُستأنف الاستدعاءات تلقائيًا.
park-burst-admin = استدعت التطبيقات هذا الموقع مرات كثيرة في وقت قصير. تُستأنف الاستدعاءات تلقائيًا.
park-asked-admin = طلب هذا الموقع من التطبيق الانتظار. تُستأنف الاستدعاءات تلقائيًا.
park-ip-allowlist-admin = تحظر قائمة عناوين IP المسموح بها في هذا الموقع التطبيق. يجب أن يضيف مسؤول مؤسسة Atlassian عنوان خادم التطبيق. يعرفه مورّد التطبيق. تُستأنف الاستدعاءات تلقائيًا خلال دقيقة.
park-not-jira-admin = لا يصل التطبيق إلى Jira على عنوان هذا الموقع: تستجيب هناك صفحة أخرى أو خادم آخر. لم يُقطع اتصال أحد. تُستأنف الاستدعاءات تلقائيًا خلال دقيقتين من عودة Jira. إذا كان للموقع عنوان جديد، فحدّث التطبيق في Jira ليعرف العنوان.
park-no-system-token-admin = لم تستدعِ Atlassian خادم التطبيق منذ بضع ساعات، لذلك لا يمكن للتطبيق الكتابة في هذا الموقع. تُستأنف الاستدعاءات تلقائيًا مع الاستدعاء التالي كل ساعة. وإلا فاتصل بمورّد التطبيق.

## ما حدث في الموقع، لمسؤوليه

event-connected = تم توصيل حساب في { $service }.
event-disconnected = تم قطع الاتصال.
event-disconnected-admin = قطع مسؤولٌ الاتصال.
event-disconnected-jira = تم قطع الاتصال: يفيد Jira بأن الحساب معطّل أو لم يعد موجودًا.
event-disconnected-atlassian = تم قطع الاتصال: أغلقت Atlassian الحساب.
event-disconnected-service = قطع { $service } الاتصال.
event-finished-by-another = عاد شخص آخر من { $service } بما بدأه هذا الشخص، أو من متصفح آخر. لم يتم توصيل أي شيء.
event-refused = تعذر التوصيل. { $why }
event-moved-from-connect = انتقل الموقع من Atlassian Connect إلى Forge مع جميع الاتصالات.
event-moved = تولّى تثبيت جديد من التطبيق جميع الاتصالات.
event-decided = تغيّر من يمكنه التوصيل. { $what }
rule-customers-allowed = يمكن لعملاء البوابة التوصيل.
rule-customers-denied = لا يمكن لعملاء البوابة التوصيل.
rule-every-group = يمكن للأشخاص في أي مجموعة التوصيل.
rule-groups = لا يمكن التوصيل إلا لأعضاء هذه المجموعات: { $groups }.

## سبب أذونات التطبيق

scope-read = لقراءة اسم الشخص وما إذا كان الحساب نشطًا، والمجموعات التي ينتمي إليها إذا اخترت مجموعات، وما إذا كان من يفتح هذه الصفحة مسؤولًا في Jira.
scope-write = لتخزين المفتاح في خاصية مستخدم واحدة لكل شخص متصل.
scope-delete = لحذف خاصية المستخدم هذه عند انتهاء الاتصال.
scope-act-as-user = لكتابة هذه الخاصية نيابةً عن الشخص عندما لا يسمح Jira بذلك للتطبيق نفسه، مثلًا لأن إذن المسؤول أُزيل منه.
scope-read-jira-user = لقراءة اسم الشخص وما إذا كان الحساب نشطًا ومفتاحه، والمجموعات التي ينتمي إليها إذا اخترت مجموعات.
scope-read-jira-work = لسؤال Jira عما إذا كان من يفتح هذه الصفحة مسؤولًا في Jira. لا يقرأ التطبيق أي مهام.
scope-write-jira-work = لتخزين المفتاح في خاصية مستخدم واحدة لكل شخص متصل، ولحذفه. ليس لدى Atlassian نطاق أضيق لذلك. لا يكتب التطبيق أي مهام.
scope-read-app-system-token = لاستدعاء Jira بصفته تطبيقًا عندما لا يعرض أحد مهمة.
scope-report-personal-data = لسؤال Atlassian عن الحسابات المخزّنة التي أُغلقت، ومحوها.

## صفحة الإنهاء في Jira

finish-proving-title = جارٍ التحقق من هويتك…
finish-proving = يسأل { $app } ‏Jira عمّن سجّل الدخول هنا.
finish-proved-title = لقد عدت إلى Jira
finish-signed-in = لقد سجّلت الدخول إلى Jira باسم
finish-next = بعد ذلك سترى هذا الحساب بجانب الحساب الذي سجّلت الدخول به إلى { $service }. لن يتم توصيل أي شيء حتى تحدد «توصيل الحسابين» هناك.
finish-start-again = عد إلى Jira وحدد «توصيل» مرة أخرى.
finish-look = انظر إلى المهمة: إذا ظهر أنك متصل، فقد اكتمل كل شيء. وإلا فحدد «توصيل» مرة أخرى.
finish-over-title = انتهت هذه المحاولة
finish-over = اكتملت أو أُلغيت، أو استغرقت وقتًا طويلًا.
finish-unauthorized-title = تعذر على Jira تأكيد هويتك
finish-unauthorized = أعد تحميل هذه الصفحة. إذا ظهر لك هذا مجددًا، فاطلب من مسؤول Jira في هذا الموقع إعادة تثبيت التطبيق.
finish-nothing-title = لا يوجد ما يجب إنهاؤه هنا
finish-nothing = يفتح Jira هذه الصفحة بعد تسجيل الدخول إلى { $service }.
jira-silent-title = لا يستجيب Jira
one-moment-title = لحظة من فضلك
finish-too-many = وردت طلبات كثيرة جدًا في وقت واحد.
finish-unavailable-title = غير متاح في الوقت الحالي
finish-unreachable-title = لا يوجد اتصال
finish-no-bridge-title = لا يستجيب Jira لهذه الصفحة
finish-no-bridge = تعمل هذه الصفحة داخل Jira فقط.
finish-failed-title = حدث خطأ ما
finish-late-title = استغرق ذلك وقتًا طويلًا
finish-late = حفاظًا على أمانك، تنتهي المحاولة بعد عشر دقائق، وبعد خمس دقائق من عودتك من { $service }.
not-allowed-title = لا يمكنك توصيل هذا الحساب
finish-wrong-person-title = بدأ شخص آخر هذه العملية
finish-wrong-person = لقد سجّلت الدخول إلى Jira باسم { $name }، لكن شخصًا آخر بدأ هذه العملية. لم يتم توصيل أي شيء.
finish-wrong-person-unnamed = لقد سجّلت الدخول إلى Jira بشخص غير الذي بدأ هذه العملية. لم يتم توصيل أي شيء.
finish-wrong-person-advice = إذا أرسلك شخص ما إلى هنا، فأغلق علامة التبويب هذه. لتوصيل حسابك، حدد «توصيل» في مهمة في Jira. إذا كان لديك حسابان في Jira، فسجّل الدخول بالحساب الذي بدأت به، ثم حدد «توصيل» مرة أخرى.

## ما تقوله البرامج النصية لجميع الصفحات داخل Jira

frame-slow = استغرق ذلك لحظة. حدد الزر مرة أخرى.
frame-clock-title = هناك ساعة غير صحيحة
frame-clock-apart = { $minutes ->
    [one] بين ساعة جهازك وساعة خادم التطبيق فرق دقيقة واحدة. تحقق من التاريخ والوقت والمنطقة الزمنية في جهازك، ثم أعد تحميل الصفحة. إذا كانت صحيحة، فاتصل بالدعم.
    [two] بين ساعة جهازك وساعة خادم التطبيق فرق دقيقتين. تحقق من التاريخ والوقت والمنطقة الزمنية في جهازك، ثم أعد تحميل الصفحة. إذا كانت صحيحة، فاتصل بالدعم.
    [few] بين ساعة جهازك وساعة خادم التطبيق فرق { $minutes } دقائق. تحقق من التاريخ والوقت والمنطقة الزمنية في جهازك، ثم أعد تحميل الصفحة. إذا كانت صحيحة، فاتصل بالدعم.
   *[other] بين ساعة جهازك وساعة خادم التطبيق فرق { $minutes } دقيقة. تحقق من التاريخ والوقت والمنطقة الزمنية في جهازك، ثم أعد تحميل الصفحة. إذا كانت صحيحة، فاتصل بالدعم.
}
frame-clock-other = انتهت صلاحية تأكيد Jira لهويتك بحسب ساعة خادم التطبيق، وتتفق ساعة جهازك معها. أعد تحميل الصفحة. إذا لم يفد ذلك، فاتصل بالدعم.
frame-not-left = لم يُفتح أي شيء. للمتابعة، حدد الزر مرة أخرى واسمح لـ Jira بفتح { $host }.

## صفحة مسؤولي Jira

admin-loading = جارٍ سؤال Jira عن هويتك…
admin-refused-title = لا يمكن عرض هذه الصفحة في الوقت الحالي
admin-refused = لا يستجيب خادم التطبيق أو Jira. أعد المحاولة بعد لحظات.
admin-about = يوصّل الأشخاص حساباتهم في Jira بحساباتهم في { $service } من داخل مهمة. يحتفظ { $app } بمفتاح مؤقت في ملفاتهم الشخصية في Jira ويجدده حتى ينتهي الاتصال.
admin-start-title = البدء
admin-start-connect = افتح أي مهمة، وابحث عن { $app } بجانبها، وحدد «توصيل». سجّل الدخول إلى { $service }، ثم عد وأكّد.
admin-start-decide = اختر أدناه من يمكنه التوصيل. وحتى ذلك الحين، يمكن لكل من لديه حساب Jira هنا.
admin-start-allowlist = إذا كانت لهذا الموقع قائمة عناوين IP مسموح بها، فأضف العناوين الموجودة ضمن «الحالة».
admin-health-title = الحالة
admin-health-well = يعمل
admin-health-ill = يحتاج إلى انتباه
admin-health-well-text = لا شيء يمنع تجديد المفاتيح.
admin-health-waits = بعض الاستدعاءات قيد الانتظار:
admin-health-disabled = التطبيق معطّل في هذا الموقع. فعّله ضمن «إدارة التطبيقات». وحتى ذلك الحين لا تُجدَّد المفاتيح.
admin-health-next-try = المحاولة التالية: { $time }.
admin-site = الموقع
admin-door = نوع التثبيت
admin-door-forge = تطبيق Forge
admin-door-connect = تطبيق Atlassian Connect
admin-writes-as = من يخزّن المفاتيح
admin-writes-as-person = كل شخص: لا يسمح Jira لمستخدم التطبيق بكتابة الخاصية. لتغيير ذلك، امنح هذا المستخدم الإذن «إدارة Jira».
admin-writes-as-app = مستخدم التطبيق
admin-connections = الاتصالات
admin-people = { $count ->
    [zero] لا أشخاص ({ $count })
    [one] شخص واحد ({ $count })
    [two] شخصان ({ $count })
    [few] { $count } أشخاص
    [many] { $count } شخصًا
   *[other] { $count } شخص
}
admin-reconnect-count = { $count ->
    [one] { $count } يحتاج إلى إعادة التوصيل
   *[other] { $count } يحتاجون إلى إعادة التوصيل
}
admin-expired-count = { $count ->
    [one] انتهت صلاحية مفتاح واحد ({ $count })
    [two] انتهت صلاحية مفتاحين ({ $count })
    [few] انتهت صلاحية { $count } مفاتيح
    [many] انتهت صلاحية { $count } مفتاحًا
   *[other] انتهت صلاحية { $count } مفتاح
}
admin-allowlist = قائمة عناوين IP المسموح بها
admin-allowlist-ask = إذا كانت لهذا الموقع قائمة، فاسأل مورّد التطبيق عن العناوين التي يجب إضافتها.
admin-links-title = المتصلون
admin-search = بحث
admin-search-hint = الاسم أو معرّف الحساب
admin-show = عرض
admin-show-all = الجميع
admin-show-connected = المتصلون
admin-show-trouble = المتصلون الذين لديهم مشكلة
admin-show-reconnect = من يحتاجون إلى إعادة التوصيل
admin-links-table = جدول المتصلين
admin-person = الشخص
admin-account = حساب { $service }
admin-state = الحالة
admin-since = منذ
key-valid-until = المفتاح صالح حتى
admin-state-connected = متصل
admin-state-connecting = جارٍ التوصيل
admin-state-expired = انتهت صلاحية المفتاح
admin-state-reconnect = يحتاج إلى إعادة التوصيل
admin-links-none = لم يتصل أحد بعد.
admin-links-not-found = لا توجد نتائج.
admin-links-found = { $count ->
    [one] عُثر على شخص واحد ({ $count })
    [two] عُثر على شخصين ({ $count })
    [few] عُثر على { $count } أشخاص
    [many] عُثر على { $count } شخصًا
   *[other] عُثر على { $count } شخص
}
admin-links-found-more = { $count ->
    [few] عُثر على { $count } أشخاص وأكثر
    [many] عُثر على { $count } شخصًا وأكثر
   *[other] عُثر على { $count } شخص وأكثر
}
admin-links-of = { $shown } من { $count }
admin-first-page = الصفحة الأولى
admin-next-page = الصفحة التالية
admin-find-left = البحث عمّن غادروا
admin-end-all = قطع اتصال الجميع
admin-close = إغلاق
admin-ask-one = هل تريد قطع اتصال { $name }؟
admin-ended-one = تم قطع اتصال { $name }.
admin-ask-all = { $count ->
    [one] هل تريد قطع اتصال الجميع؟ ينتهي اتصال واحد ({ $count }) نهائيًا. يُحذف المفتاح من Jira ويتوقف عن العمل، وعلى الشخص التوصيل مرة أخرى.
    [two] هل تريد قطع اتصال الجميع؟ ينتهي اتصالان ({ $count }) نهائيًا. يُحذف المفتاحان من Jira ويتوقفان عن العمل، وعلى كل شخص التوصيل مرة أخرى.
    [few] هل تريد قطع اتصال الجميع؟ تنتهي { $count } اتصالات نهائيًا. تُحذف المفاتيح من Jira وتتوقف عن العمل، وعلى كل شخص التوصيل مرة أخرى.
   *[other] هل تريد قطع اتصال الجميع؟ ينتهي { $count } اتصالًا نهائيًا. تُحذف المفاتيح من Jira وتتوقف عن العمل، وعلى كل شخص التوصيل مرة أخرى.
}
admin-ending-all = الاتصالات المنتهية: { $count }، المتبقية: { $left }…
admin-ended-all = تم قطع اتصال الجميع. عدد الاتصالات: { $count }.
admin-checked = تم التحقق من { $count }…
admin-nobody-left = لم يغادر أحد: يعرف Jira جميع الأشخاص ({ $count })، وحساباتهم نشطة.
admin-left = { $count ->
    [one] غادر شخص واحد ({ $count }): حسابه في Jira معطّل أو لم يعد موجودًا.
    [two] غادر شخصان ({ $count }): حساباهما في Jira معطّلان أو لم يعودا موجودين.
    [few] غادر { $count } أشخاص: حساباتهم في Jira معطّلة أو لم تعد موجودة.
   *[other] غادر { $count } شخصًا: حساباتهم في Jira معطّلة أو لم تعد موجودة.
}
admin-left-more = و{ $count } آخرون
admin-end-left = { $count ->
    [one] قطع اتصال هذا الشخص
   *[other] قطع اتصال هؤلاء الأشخاص
}
admin-ended-left = تم قطع اتصال من غادروا. العدد: { $count }.
admin-rule-title = من يمكنه التوصيل
admin-customers = يمكن لعملاء بوابة Jira Service Management التوصيل
admin-customers-note = يستخدمون هذا الموقع عبر مركز المساعدة وليس لديهم حساب Jira خاص بهم.
admin-groups = أعضاء هذه المجموعات فقط
admin-groups-note = أدخل مجموعة واحدة في كل سطر بالاسم أو المعرّف. اتركه فارغًا ليتمكن الجميع من التوصيل. يسأل التطبيق Jira عند كل محاولة، ومن هم متصلون بالفعل يبقون متصلين.
admin-save = حفظ
admin-saved = تم الحفظ.
admin-events-title = ما حدث
admin-events-days = { $days ->
    [one] يُحتفظ به لمدة يوم واحد ({ $days }).
    [two] يُحتفظ به لمدة يومين ({ $days }).
    [few] يُحتفظ به لمدة { $days } أيام.
    [many] يُحتفظ به لمدة { $days } يومًا.
   *[other] يُحتفظ به لمدة { $days } يوم.
}
admin-events-table = جدول الأحداث
admin-when = متى
admin-what = ماذا
admin-by = بواسطة
admin-by-person = الشخص
admin-by-admin = مسؤول
admin-by-service = { $service }
admin-by-jira = Jira
admin-by-atlassian = Atlassian
admin-by-app = { $app }
admin-events-none = لم يحدث شيء بعد.
admin-export-csv = تصدير CSV
admin-export-lines = تصدير أسطر JSON
admin-file-saved = تم حفظ { $file }.
admin-scopes-title = ما يمكن لـ { $app } فعله في Jira ولماذا
admin-scopes-table = جدول الأذونات
admin-permission = الإذن
admin-why = السبب
admin-no-issue = لا يقرأ التطبيق المهام أو التعليقات أو المرفقات.
