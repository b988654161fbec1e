# The two commands of README.md in a container:
#
#     docker build --tag spiking-lmu .
#     docker run --rm --volume "$PWD/results:/home/user/spiking-lmu/results" spiking-lmu
#
# The folder results, which must exist and be writable for anybody, gets the report. Any
# other command runs too: docker run --rm -it spiking-lmu make help
FROM python:3.11-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home user \
    && install --directory --owner=user /home/user/spiking-lmu

USER user
WORKDIR /home/user/spiking-lmu
COPY --chown=user . .
RUN make environment

CMD ["sh", "-c", "make precision && make test"]
