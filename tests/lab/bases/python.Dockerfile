# Stand-in for python:3.11-slim: Debian's CPython 3.11 moved to /usr/local with upstream's layout (site-packages, no
# EXTERNALLY-MANAGED, ensurepip allowed), so that what is built on it finds what it would find in the real one.
FROM bakegen-lab/rootfs AS cpython
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv python3-pip-whl python3-setuptools-whl
RUN cd /tmp && apt-get download libpython3.11-dev && dpkg -x libpython3.11-dev_*.deb /dev-files
RUN <<'SH'
set -eu
mkdir -p /out/bin /out/lib /out/include
cp /usr/bin/python3.11 /out/bin/
cp -a /usr/lib/python3.11 /out/lib/
cp -a /dev-files/usr/include/python3.11 /out/include/
cp /dev-files/usr/include/*-linux-gnu/python3.11/pyconfig.h /out/include/python3.11/
ln -s python3.11 /out/bin/python3
ln -s python3 /out/bin/python
cd /out/lib/python3.11
rm -rf EXTERNALLY-MANAGED sitecustomize.py dist-packages
find . -name __pycache__ -exec rm -rf {} +
sed -i "s/prefix_scheme = 'posix_local'/prefix_scheme = 'posix_prefix'/" sysconfig.py
sed -i '/^    _ensurepip_is_disabled_in_debian_for_system()$/d' ensurepip/__init__.py
mkdir site-packages
# The site module is frozen into the executable, with Debian's names for the two directories; the new ones are as long.
sed -i -e 's#\x00dist-packages\x00#\x00site-packages\x00#g' -e 's#\x00local/lib\x00#\x00./././lib\x00#g' /out/bin/python3.11
sed -i -e 's#"dist-packages"#"site-packages"#' -e 's#"local/lib"#"./././lib"#' site.py
SH

FROM bakegen-lab/rootfs
RUN apt-get update \
 && apt-get install -y --no-install-recommends media-types netbase tzdata libexpat1 libffi8 libncursesw6 libnsl2 \
    libreadline8 libsqlite3-0 libssl3 libuuid1 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=cpython /out/ /usr/local/
COPY --from=cpython /usr/share/python-wheels/ /usr/share/python-wheels/
RUN --mount=type=secret,id=index,env=PIP_INDEX_URL python -m ensurepip \
 && python -m pip install --no-cache-dir --root-user-action=ignore pip==24.0 setuptools==79.0.1 wheel==0.45.1 \
 && ln -sf pip3 /usr/local/bin/pip \
 && find /usr/local -name __pycache__ -exec rm -rf {} +
ENV LANG=C.UTF-8 \
    PYTHON_VERSION=3.11.2
CMD ["python3"]
