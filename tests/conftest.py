"""What every test stands on: one BLAS thread, and no cache of decoders."""

import nengo
import pytest
from threadpoolctl import threadpool_limits

# a cache written under another numpy breaks runs; set before any simulator is built
nengo.rc.set("decoder_cache", "enabled", "False")


@pytest.fixture(autouse=True, scope="session")
def one_blas_thread():
    with threadpool_limits(limits=1):
        yield
