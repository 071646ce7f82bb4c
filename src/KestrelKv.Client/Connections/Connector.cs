using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using KestrelKv.Client.Replies;
using KestrelKv.Client.Requests;

namespace KestrelKv.Client.Connections;

/// <summary>Opens connections: TCP, TLS, authentication. Thread-safe.</summary>
internal sealed class Connector(KestrelKvClientOptions options)
{
    private const int TcpUserTimeout = 18;
    private const int HandshakeReplyBytesMax = 64 * 1024;

    public string Host => options.Host;

    public int Port => options.Port ?? (options.Tls ? 4445 : 4444);

    /// <summary>Opens a connection that is ready for requests.</summary>
    /// <exception cref="RefusedException">The server refused the client.</exception>
    /// <exception cref="IOException">There is no connection. The message names the server and the reason.</exception>
    public async Task<Stream> ConnectAsync(CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(options.ConnectTimeout, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        Stream? stream = null;
        try
        {
            stream = options.ConnectCallback is { } connect ? await connect(either.Token).AsTask().WaitAsync(either.Token).ConfigureAwait(false) : await ConnectSocketAsync(either.Token).ConfigureAwait(false);
            if (options.Tls) stream = await StartTlsAsync(stream, either.Token).ConfigureAwait(false);
            await GreetAsync(stream, either.Token).ConfigureAwait(false);
            return stream;
        }
        catch (Exception e)
        {
            if (stream is not null) await stream.DisposeAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            if (e is KestrelKvException) throw;
            if (late.IsCancellationRequested)
                throw new IOException($"{Host}:{Port} did not answer within {options.ConnectTimeout.TotalSeconds} seconds (ConnectTimeout).", e);
            throw new IOException($"{Host}:{Port}: {e.Message}", e);
        }
    }

    private async Task<Stream> ConnectSocketAsync(CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            DetectDeadPeers(socket);
            await socket.ConnectAsync(Host, Port, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Makes the system close a connection whose peer does not acknowledge anything, such as after a network failure. Without this, Linux
    /// retransmits for about 15 minutes.
    /// </summary>
    private void DetectDeadPeers(Socket socket)
    {
        int seconds = Math.Max(1, (int)(options.StallTimeout.TotalSeconds / 4));
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, seconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, seconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
        if (!OperatingSystem.IsLinux()) return;
        Span<byte> milliseconds = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(milliseconds, (int)options.StallTimeout.TotalMilliseconds);
        socket.SetRawSocketOption((int)SocketOptionLevel.Tcp, TcpUserTimeout, milliseconds);
    }

    private async Task<Stream> StartTlsAsync(Stream stream, CancellationToken cancellationToken)
    {
        var tls = new SslStream(stream);
        try
        {
            var authentication = new SslClientAuthenticationOptions
            {
                TargetHost = Host,
                ApplicationProtocols = [new SslApplicationProtocol("kestrelkv/1")],
            };
            if (options.TlsAuthority is { } authority)
            {
                // The file is read for each connection, so that a new authority needs no restart.
                authentication.CertificateChainPolicy = new()
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    RevocationMode = X509RevocationMode.NoCheck,
                };
                authentication.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(authority);
            }
            if (options.TlsCertificate is { } certificate)
            {
                authentication.ClientCertificateContext =
                    SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(certificate, options.TlsKey ?? certificate), null);
            }
            options.ConfigureTls?.Invoke(authentication);
            await tls.AuthenticateAsClientAsync(authentication, cancellationToken).ConfigureAwait(false);
            return tls;
        }
        catch
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Authenticates, or sends a PING, so that a server that accepts connections but does not answer is recognized.</summary>
    private async Task GreetAsync(Stream stream, CancellationToken cancellationToken)
    {
        var request = new RequestBuffer(isCleared: false);
        if (options.User is { } user)
        {
            RequestText.Begin(request, "AUTH", options);
            request.Write("\"user\": "u8);
            request.WriteString(user);
            request.Write(", \"secret\": "u8);
            request.WriteString(options.SecretProvider is { } provider ? await provider(cancellationToken).AsTask().WaitAsync(cancellationToken).ConfigureAwait(false) : options.Secret ?? "");
        }
        else
        {
            RequestText.Begin(request, "PING", options);
        }
        RequestText.End(request, activity: null);
        await stream.WriteAsync(request.Frame, cancellationToken).ConfigureAwait(false);
        ReplyText.OpenOrThrow(await ReadFrameAsync(stream, cancellationToken).ConfigureAwait(false));
    }

    private static async Task<byte[]> ReadFrameAsync(Stream stream, CancellationToken cancellationToken)
    {
        byte[] header = new byte[FrameHeader.Bytes];
        await stream.ReadExactlyAsync(header, cancellationToken).ConfigureAwait(false);
        if (!FrameHeader.TryRead(header, HandshakeReplyBytesMax, out int length, out IOException? fault)) throw fault;
        byte[] body = new byte[length];
        await stream.ReadExactlyAsync(body, cancellationToken).ConfigureAwait(false);
        return body;
    }
}
