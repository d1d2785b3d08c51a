# Stand-in for nvidia/cuda:12.1.0-cudnn8-runtime-ubuntu22.04: its configuration, without CUDA and without Python.
# Debian bookworm lies underneath, so python3.11 can be installed with apt.
FROM bakegen-lab/rootfs
RUN <<'SH'
set -eu
mkdir -p /opt/nvidia/entrypoint.d /usr/local/cuda-12.1/lib64
ln -s cuda-12.1 /usr/local/cuda
printf '#!/bin/bash\nexec "$@"\n' > /opt/nvidia/nvidia_entrypoint.sh
chmod 755 /opt/nvidia/nvidia_entrypoint.sh
SH
LABEL com.nvidia.cudnn.version="8.9.0.131" \
      maintainer="bakegen test lab"
ENV NVARCH=x86_64 \
    NVIDIA_REQUIRE_CUDA="cuda>=12.1 brand=tesla,driver>=470,driver<471 brand=tesla,driver>=515,driver<516" \
    NV_CUDA_CUDART_VERSION=12.1.55-1 \
    CUDA_VERSION=12.1.0 \
    LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NV_CUDNN_VERSION=8.9.0.131 \
    NV_CUDNN_PACKAGE_NAME=libcudnn8 \
    NVIDIA_PRODUCT_NAME=CUDA \
    PATH=/usr/local/nvidia/bin:/usr/local/cuda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENTRYPOINT ["/opt/nvidia/nvidia_entrypoint.sh"]
