# sdl on CPUs:   docker build -t sdl .   &&   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" sdl train patients.csv target=outcome
# Extras:        docker build --build-arg EXTRAS="[excel,survey]" -t sdl .
# torch first, from an index of builds without CUDA, since the usual one takes 4 GB more:
#                docker build --build-arg TORCH_INDEX=URL -t sdl .
FROM python:3.11-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY conf conf
COPY sdl_cli sdl_cli
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
ARG EXTRAS=""
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN if [ -n "$TORCH_INDEX" ]; then pip install --index-url "$TORCH_INDEX" torch torchvision; fi
# in a layer of its own: what sdl needs changes less often than sdl
COPY --from=build /wheels /wheels
RUN wheel="$(echo /wheels/sdl_cli-*.whl)" && pip install "${wheel}${EXTRAS}" && rm -r /wheels
# whoever runs it may write to the caches and to the mounted folder, and to nothing else
ENV SDL_CACHE=/cache/sdl TORCH_HOME=/cache/torch HF_HOME=/cache/huggingface MPLCONFIGDIR=/cache/matplotlib HOME=/cache
RUN mkdir -m 1777 /cache /work
VOLUME /cache
WORKDIR /work
USER 1000:1000
ENTRYPOINT ["sdl"]
CMD ["--help"]
