# The server of the apps: docker build -t keras-rnn . && docker run --rm -p 8501:8501 keras-rnn
# Not built where it was written, for want of a container engine. What answers needs LiteRT and no TensorFlow.
FROM python:3.12-slim AS build
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
RUN useradd --create-home keras-rnn
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-deps /wheels/*.whl \
    && pip install --no-cache-dir ai-edge-litert charset-normalizer fastapi msgspec numpy \
        opencv-python-headless pillow rich tqdm uvicorn \
    && rm -r /wheels
USER keras-rnn
EXPOSE 8501
HEALTHCHECK CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/health', timeout=2)"
ENTRYPOINT ["keras-rnn", "serve", "--host", "0.0.0.0"]
