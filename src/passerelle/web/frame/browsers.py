"""What a browser says that it is, in the two words by which a person knows it again."""

# The first that fits: many browsers also claim to be another one.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def described(agent: str) -> str:
    """`Firefox, Linux`; empty where nothing is recognised."""
    found = (
        next((name for mark, name in known if mark in agent), "") for known in (_BROWSERS, _SYSTEMS)
    )
    return ", ".join(one for one in found if one)
