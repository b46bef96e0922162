"""Public mail providers: an account there says nothing about who else belongs to a company."""

PUBLIC_DOMAINS = frozenset(
    """
    126.com 163.com aliceadsl.fr alice.it aol.com arcor.de bbox.fr bell.net bigpond.com
    bluewin.ch btinternet.com charter.net club-internet.fr comcast.net cox.net duck.com
    earthlink.net email.com fastmail.com fastmail.fm foxmail.com free.fr freenet.de gmail.com
    gmx.at gmx.ch gmx.com gmx.de gmx.fr gmx.net googlemail.com hey.com hotmail.be hotmail.ca
    hotmail.co.uk hotmail.com hotmail.de hotmail.es hotmail.fr hotmail.it hushmail.com icloud.com
    inbox.com inbox.ru infonie.fr interia.pl laposte.net libero.it list.ru live.be live.ca
    live.co.uk live.com live.fr live.it live.nl mac.com mail.com mail.ru mailbox.org me.com
    msn.com naver.com neuf.fr noos.fr numericable.fr o2.pl online.de orange.fr outlook.be
    outlook.com outlook.de outlook.es outlook.fr pm.me posteo.de posteo.net proton.me
    protonmail.ch protonmail.com qq.com rambler.ru rediffmail.com rocketmail.com rogers.com
    sbcglobal.net seznam.cz sfr.fr shaw.ca sina.com skynet.be sympatico.ca t-online.de
    telenet.be tin.it tiscali.it tutamail.com tutanota.com tuta.io verizon.net videotron.ca
    virgilio.it voila.fr wanadoo.fr web.de wp.pl xtra.co.nz yahoo.ca yahoo.co.in yahoo.co.jp
    yahoo.co.uk yahoo.com yahoo.com.br yahoo.de yahoo.es yahoo.fr yahoo.it yandex.com yandex.ru
    ymail.com zoho.com
    """.split()
)
