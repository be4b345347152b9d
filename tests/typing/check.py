"""Check that right.py types and that every line marked in wrong.py does not.

mypy reports a mark that nothing needs, so a mistake that starts to pass is seen, too.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
MYPY = [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores"]


def main() -> int:
    files = [str(HERE / "right.py"), str(HERE / "wrong.py")]
    mypy = subprocess.run([*MYPY, *files], check=False).returncode
    pyright = subprocess.run(
        [sys.executable, "-m", "pyright", str(HERE / "right.py")], check=False
    ).returncode
    return mypy or pyright


if __name__ == "__main__":
    sys.exit(main())
