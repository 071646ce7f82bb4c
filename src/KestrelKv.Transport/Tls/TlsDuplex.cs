using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace KestrelKv.Transport.Tls;

/// <summary>The decrypted side of a connection that a client encrypts by TLS.</summary>
/// <remarks>
/// Like the transport, it may be used by one thread at a time, except <see cref="PipeReader.CancelPendingRead"/>. Continuations run on the
/// transport's threads; the handshake runs on the thread pool.
/// </remarks>
public sealed class TlsDuplex : IDuplexPipe, IDisposable
{
    private readonly IDuplexPipe _transport;
    private readonly RecordStream _records;
    private readonly SslStream _tls;

    /// <param name="transport">The encrypted side. Not owned.</param>
    /// <param name="slots">The slots of handshakes, which all connections share.</param>
    public TlsDuplex(IDuplexPipe transport, HandshakeSlots slots)
    {
        _transport = transport;
        _records = new RecordStream(transport, slots);
        _tls = new SslStream(_records);
        Input = new TlsReader(transport.Input, _tls, _records);
        Output = new TlsWriter(transport.Output, _tls);
    }

    /// <inheritdoc/>
    public PipeReader Input { get; }

    /// <inheritdoc/>
    public PipeWriter Output { get; }

    /// <summary>The client's certificate, as the handshake's options have accepted it; null for none.</summary>
    public X509Certificate2? ClientCertificate => (X509Certificate2?)_tls.RemoteCertificate;

    /// <summary>Performs the handshake. Continues on the thread pool.</summary>
    /// <exception cref="System.Security.Authentication.AuthenticationException">The handshake failed.</exception>
    /// <exception cref="IOException">The client has disconnected.</exception>
    /// <exception cref="InvalidDataException">The client has sent no TLS record.</exception>
    public async Task AuthenticateAsync(SslServerAuthenticationOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await _tls.AuthenticateAsServerAsync(options, cancellationToken);
            _records.Open();
        }
        finally
        {
            // A failed handshake lingers, and must not keep others waiting.
            _records.ReleaseSlot();
        }
    }

    /// <summary>Sends the end of the stream (close_notify) if the system has room for it, and does not wait otherwise.</summary>
    public void End()
    {
        try
        {
            _tls.ShutdownAsync().GetAwaiter().GetResult();
            _ = _transport.Output.FlushAsync().AsTask();
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // The client has disconnected, or a flush still waits for it.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Input.Complete();
        Output.Complete();
        _tls.Dispose();
    }
}
