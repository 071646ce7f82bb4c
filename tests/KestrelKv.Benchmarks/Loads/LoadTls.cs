using System.Runtime.InteropServices;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>
/// The client's side of TLS on a socket, by OpenSSL without the overhead of .NET. Certificates are not verified. Calls do not block if the
/// socket's do not.
/// </summary>
internal sealed unsafe partial class LoadTls : IDisposable
{
    private const string Library = "libssl.so.3";
    private const int SetModes = 33; // SSL_CTRL_MODE
    private const int SetReadAhead = 41; // SSL_CTRL_SET_READ_AHEAD
    private const int SetMinimumVersion = 123; // SSL_CTRL_SET_MIN_PROTO_VERSION
    private const int Version13 = 0x0304; // TLS1_3_VERSION

    /// <summary>SSL_MODE_ENABLE_PARTIAL_WRITE, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER.</summary>
    private const int PartialWrites = 3;

    private const int WantRead = 2;
    private const int WantWrite = 3;
    private const int ZeroReturn = 6;

    private static readonly void* Context = CreateContext();

    private readonly void* _ssl = New(Context);

    /// <summary>Begins a connection on a connected or connecting socket.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="session">The session to resume; null for none.</param>
    public LoadTls(int socket, LoadTlsSession? session = null)
    {
        _ = SetFile(_ssl, socket);
        SetConnectState(_ssl);
        if (session is not null) _ = SetSession(_ssl, session.Pointer);
    }

    /// <summary>Whether the last call needs bytes of the server to proceed.</summary>
    public bool WaitsForServer { get; private set; }

    /// <summary>Whether the session was resumed.</summary>
    public bool IsResumed => SessionReused(_ssl) == 1;

    /// <summary>Returns the session for later connections. The server sends it after the handshake.</summary>
    public LoadTlsSession TakeSession() => new(GetSession(_ssl));

    public void Dispose()
    {
        SetQuietShutdown(_ssl, 1);
        Free(_ssl);
    }

    /// <returns>The number of bytes sent; -1 if none could be sent yet.</returns>
    public int Send(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes) return Checked(Write(_ssl, start, bytes.Length));
    }

    /// <returns>The number of bytes received, of one record at most; 0 at the end of the stream, -1 if none are available yet.</returns>
    public int Receive(Span<byte> buffer)
    {
        fixed (byte* start = buffer) return Checked(Read(_ssl, start, buffer.Length));
    }

    private int Checked(int result)
    {
        WaitsForServer = false;
        if (result > 0) return result;
        switch (Error(_ssl, result))
        {
            case WantRead:
                WaitsForServer = true;
                return -1;
            case WantWrite:
                return -1;
            case ZeroReturn:
                return 0;
            case var error:
                throw new InvalidDataException($"TLS failed with error {error} of SSL_get_error");
        }
    }

    private static void* CreateContext()
    {
        void* context = NewContext(ClientMethod());
        _ = ControlContext(context, SetModes, PartialWrites, null);
        _ = ControlContext(context, SetReadAhead, 1, null);
        _ = ControlContext(context, SetMinimumVersion, Version13, null);
        return context;
    }

    [LibraryImport(Library, EntryPoint = "TLS_client_method")]
    private static partial void* ClientMethod();

    [LibraryImport(Library, EntryPoint = "SSL_CTX_new")]
    private static partial void* NewContext(void* method);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_ctrl")]
    private static partial nint ControlContext(void* context, int command, nint value, void* pointer);

    [LibraryImport(Library, EntryPoint = "SSL_new")]
    private static partial void* New(void* context);

    [LibraryImport(Library, EntryPoint = "SSL_free")]
    private static partial void Free(void* ssl);

    [LibraryImport(Library, EntryPoint = "SSL_set_fd")]
    private static partial int SetFile(void* ssl, int file);

    [LibraryImport(Library, EntryPoint = "SSL_set_connect_state")]
    private static partial void SetConnectState(void* ssl);

    [LibraryImport(Library, EntryPoint = "SSL_set_quiet_shutdown")]
    private static partial void SetQuietShutdown(void* ssl, int mode);

    [LibraryImport(Library, EntryPoint = "SSL_read")]
    private static partial int Read(void* ssl, byte* buffer, int length);

    [LibraryImport(Library, EntryPoint = "SSL_write")]
    private static partial int Write(void* ssl, byte* buffer, int length);

    [LibraryImport(Library, EntryPoint = "SSL_get_error")]
    private static partial int Error(void* ssl, int result);

    [LibraryImport(Library, EntryPoint = "SSL_get1_session")]
    private static partial void* GetSession(void* ssl);

    [LibraryImport(Library, EntryPoint = "SSL_set_session")]
    private static partial int SetSession(void* ssl, void* session);

    [LibraryImport(Library, EntryPoint = "SSL_session_reused")]
    private static partial int SessionReused(void* ssl);
}

/// <summary>A session that later connections resume. Disposal frees it.</summary>
internal sealed unsafe partial class LoadTlsSession(void* pointer) : IDisposable
{
    public void* Pointer => pointer;

    public void Dispose() => Free(pointer);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_SESSION_free")]
    private static partial void Free(void* session);
}
