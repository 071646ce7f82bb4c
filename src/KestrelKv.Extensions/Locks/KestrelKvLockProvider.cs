using KestrelKv.Client;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Extensions.Locks;

/// <summary>Creates locks that processes on different machines share through a KestrelKv server. Thread-safe.</summary>
public sealed class KestrelKvLockProvider
{
    private readonly KestrelKvClient _client;
    private readonly KestrelKvLockOptions _options;
    private readonly ILogger _logger;
    private readonly WaitingRoom _waiting = new();

    /// <summary>Creates a provider.</summary>
    /// <param name="client">The client.</param>
    /// <param name="options">The options; null for the defaults.</param>
    /// <param name="logger">Receives warnings about lost locks; null for none.</param>
    /// <exception cref="ArgumentException">An option is invalid. The message names it and the valid range.</exception>
    public KestrelKvLockProvider(KestrelKvClient client, KestrelKvLockOptions? options = null, ILogger<KestrelKvLockProvider>? logger = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        _client = client;
        _options = (options ?? new()).Copy();
        if (_options.Validate() is { } error) throw new ArgumentException(error, nameof(options));
        _logger = logger ?? NullLogger<KestrelKvLockProvider>.Instance;
    }

    /// <summary>Returns the lock with a name. It makes no call: locks are cheap, and two with the same name are the same lock.</summary>
    /// <param name="name">The name, not empty. The lock is the entry with the key <see cref="KestrelKvLockOptions.Prefix"/> + name.</param>
    public KestrelKvLock CreateLock(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new(name, new(_client, _options.Prefix + name, _options), _waiting, _logger);
    }
}
