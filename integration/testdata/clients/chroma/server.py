"""Chroma's own server, the one in its package. It talks much, into chroma.log. Usage: server.py PORT DIRECTORY"""

import os
import sys

import chromadb_rust_bindings

log = os.open("chroma.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
os.dup2(log, 1)
os.dup2(log, 2)
chromadb_rust_bindings.cli(["chroma", "run", "--host", "127.0.0.1", "--port", sys.argv[1], "--path", sys.argv[2]])
