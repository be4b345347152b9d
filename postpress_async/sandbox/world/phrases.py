"""Names and texts, chosen to be awkward where real ones are."""

from __future__ import annotations

from typing import Final

FIRST: Final = (
    "Ada", "Zoë", "Björn", "Chloé", "Dmitri", "Élodie", "Fatima", "Grace", "Hiroshi", "İpek",
    "José", "Kateryna", "Łukasz", "Mei", "Nguyễn", "Olu", "Priya", "Quentin", "Renée", "Søren",
    "Tariq", "Uma", "Víctor", "Wendy", "Xavier", "Yara", "Zsófia", "李", "Анна", "محمد",
)  # fmt: skip
LAST: Final = (
    "Lovelace", "Ångström", "O'Brien", "Müller", "Ivanov", "d'Arc", "al-Masri", "Hopper", "Tanaka",
    "Y\u0131lmaz", "García Márquez", "Shevchenko", "Wójcik", "Chen", "Văn", "Okafor", "Rao",
    "de la Tour", "Dupont-Durand", "Kierkegaard", "Rahman", "Nair", "Peña", "Smith, PhD", "Ng",
    "Haddad", "Kovács", "雷", "Каренина", "🚀 Growth",
)  # fmt: skip
TEXTS: Final = (
    "Hello!",
    "Could we talk tomorrow at 9?",
    "Merci beaucoup, à bientôt 👋",
    "Two lines,\nand a tab\there.",
    "<b>not bold</b> & \"quoted\" 'text'",
    "مرحبا، كيف حالك؟",
    "了解しました。",
    "https://example.com/?q=a%20b&c=d#e",
    "👩‍👩‍👧‍👦 family emoji and \u200bzero width",
    "ok",
    "",
    "A longer message, as people write them when they have something to explain. " * 6,
)
JOBS: Final = (
    "Engineer", "Founder & CEO", "Head of Growth", "Recruiter", "Nurse", "Chef de projet",
    "営業", "Student", "Looking for new opportunities", "VP Sales | Speaker | Dad",
)  # fmt: skip
COMPANIES: Final = (
    "Acme", "Globex", "Initech", "Umbrella, Inc.", "Café Zürich", "Hooli", "Stark & Söhne",
    "O'Hare LLC",
)  # fmt: skip
SCHOOLS: Final = (
    "MIT", "ETH Zürich", "Université de Montréal", "IIT Bombay", "Universidad de São Paulo",
)  # fmt: skip
PLACES: Final = (
    "San Francisco, California, United States", "Zürich, Switzerland", "Île-de-France", "東京",
    "Lagos, Nigeria", "",
)  # fmt: skip
SKILLS: Final = (
    "React", "Node.js", "C++", "Négociation", "Kubernetes", "Public Speaking", "SQL", "Excel",
)  # fmt: skip
EMOJIS: Final = ("👍🏽", "❤️", "😂", "🎉", "🙏", "😮")
EVENTS: Final = (
    "The group was created", "Zoë joined", "Björn left", "The subject was changed",
    "The picture was changed", "Missed voice call", "Missed video call", "You are now an admin",
    "Messages are end-to-end encrypted", "李 was removed",
)  # fmt: skip
