#!/bin/sh
# Builds .venv from Python 3.11 or newer and the package index, and nothing else: `make setup`.
# Does nothing when .venv is up to date. Writes only inside the checkout.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
venv=$root/.venv
stamp=$venv/.giro-setup

say() { printf 'setup: %s\n' "$*" >&2; }

# Environments that wheels exist for come first; a plain python3 may be too old or only a shim.
find_python() {
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3.14 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    say 'Python 3.11 or newer is needed; set PYTHON=/path/to/python3 if it is not on the PATH'
    exit 1
}

wanted() {
    printf '%s\n' "$root"
    cat requirements/dev.txt requirements/uv.txt pyproject.toml ops/setup/setup.sh | cksum
}

# A .venv that was copied or moved has the old path in its scripts and is built anew.
is_usable() {
    [ -x "$venv/bin/python" ] &&
        grep -qF "$venv" "$venv/bin/activate" 2>/dev/null &&
        "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if [ -f "$stamp" ] && [ "$(wanted)" = "$(cat "$stamp")" ] && is_usable; then
    exit 0
fi

# Caches stay in the checkout unless the caller says otherwise.
export UV_CACHE_DIR="${UV_CACHE_DIR:-$root/.cache/uv}"
export PIP_CACHE_DIR="${PIP_CACHE_DIR:-$root/.cache/pip}"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1
unset VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH PIP_REQUIRE_VIRTUALENV PIP_TARGET PIP_USER PIP_PREFIX || true

create_venv() {
    python=$(find_python)
    say "creating .venv with $("$python" --version)"
    rm -rf "$venv"
    if "$python" -m venv "$venv" >"$root/.setup.log" 2>&1; then
        rm -f "$root/.setup.log"
        return
    fi
    # Distributions split ensurepip off; go round it with what is there.
    rm -rf "$venv"
    if "$python" -m virtualenv "$venv" >/dev/null 2>&1; then
        rm -f "$root/.setup.log"
        return
    fi
    rm -rf "$venv"
    "$python" -m venv --without-pip "$venv"
    if "$python" -m pip --version >/dev/null 2>&1 || command -v uv >/dev/null 2>&1; then
        rm -f "$root/.setup.log"
        return
    fi
    cat "$root/.setup.log" >&2
    say 'this Python has neither ensurepip nor pip; install its venv package (python3-venv)'
    exit 1
}

venv_pip() {
    if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$venv/bin/python" -m pip "$@"
    elif "$venv/bin/python" -m ensurepip >/dev/null 2>&1; then
        "$venv/bin/python" -m pip "$@"
    else
        "$(find_python)" -m pip --python "$venv/bin/python" "$@"
    fi
}

# The pinned uv lies beside the packages, so that syncing those does not remove it.
install_uv() {
    uv=$venv/uv/bin/uv
    if [ -x "$uv" ] && cmp -s requirements/uv.txt "$venv/uv/requirements.txt"; then
        return
    fi
    say 'installing uv'
    rm -rf "$venv/uv"
    if ! venv_pip install -q --target "$venv/uv" --no-deps --require-hashes -r requirements/uv.txt; then
        uv=$(command -v uv) || { say 'uv cannot be installed from the package index'; exit 1; }
        return
    fi
    cp requirements/uv.txt "$venv/uv/requirements.txt"
}

# uv does not read pip's configuration; the index that works for pip shall work here.
pip_setting() { venv_pip config get "global.$1" 2>/dev/null || venv_pip config get "install.$1" 2>/dev/null || true; }
adopt_pip_index() {
    index=${PIP_INDEX_URL:-$(pip_setting index-url)}
    extra=${PIP_EXTRA_INDEX_URL:-$(pip_setting extra-index-url)}
    links=${PIP_FIND_LINKS:-$(pip_setting find-links)}
    certificate=${PIP_CERT:-$(pip_setting cert)}
    [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    [ -z "$extra" ] || export UV_INDEX="${UV_INDEX:-$extra}"
    [ -z "$links" ] || export UV_FIND_LINKS="${UV_FIND_LINKS:-$(printf '%s' "$links" | tr -s ' \n' ',')}"
    [ -z "$certificate" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificate}"
}

# The system's certificates second, for networks that sign with their own; pip, which reads all of
# its own configuration, last.
install_requirements() {
    say 'installing the locked requirements'
    set -- pip sync -q --python "$venv/bin/python" --require-hashes requirements/dev.txt
    if "$uv" "$@" 2>"$root/.setup.log" || "$uv" --system-certs "$@" 2>>"$root/.setup.log"; then
        rm -f "$root/.setup.log"
        return
    fi
    cat "$root/.setup.log" >&2
    say 'uv could not; trying pip'
    venv_pip install -q --require-hashes -r requirements/dev.txt
    rm -f "$root/.setup.log"
}

# The project itself runs from the checkout: a path entry and the giro command, nothing to build.
install_project() {
    site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$root" >"$site/giro.pth"
    cat >"$venv/bin/giro" <<SCRIPT
#!/bin/sh
'''exec' "$venv/bin/python" "\$0" "\$@"
' '''
import sys

from ops.cli import main

if __name__ == "__main__":
    sys.exit(main())
SCRIPT
    chmod 755 "$venv/bin/giro"
}

is_usable || create_venv
adopt_pip_index
install_uv
install_requirements
install_project
wanted >"$stamp"
say "done: $venv/bin/giro"
