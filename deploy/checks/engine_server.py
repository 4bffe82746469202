"""Where an engine of the checks listens, or does not. Standard library only."""

import contextlib
import http.server
import socket
import threading


class EngineServer(http.server.ThreadingHTTPServer):
    #: All clients of two workers may connect at once; the default of 5 lets the rest wait for a second attempt.
    request_queue_size = 64
    daemon_threads = True

    def listen(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @contextlib.contextmanager
    def absent(self):
        """Nobody listens meanwhile: who connects is refused. Streams that run go on."""
        self.shutdown()
        self.socket.close()
        try:
            yield
        finally:
            self.socket = socket.socket(self.address_family, self.socket_type)
            self.server_bind()
            self.server_activate()
            self.listen()
