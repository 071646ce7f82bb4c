using System.Buffers;
using KestrelKv.Client;
using KestrelKv.Extensions.Caching.Invalidation;
using KestrelKv.Extensions.Caching.Payloads;
using Microsoft.Extensions.Caching.Distributed;

namespace KestrelKv.Extensions.Caching;

/// <summary>A distributed cache on KestrelKv. Each cache entry is one key.</summary>
/// <remarks>
/// <para>
/// <b>Sliding expiration.</b> A read returns the value together with its window and its current expiry. If at least an eighth of the window has
/// passed since the last extension, a second, small request extends the expiry (<c>touch</c>), without a commit. The read waits for it, so the
/// extension holds when the read returns. If it fails, the read nevertheless succeeds, and the next read extends.
/// </para>
/// <para>
/// <b>Synchronous methods</b> exist because the interface has them. They block a thread. Prefer the asynchronous methods.
/// </para>
/// <para><b>Errors.</b> The exceptions of the client are not caught: see <see cref="KestrelKvException"/>.</para>
/// </remarks>
internal sealed class KestrelKvDistributedCache : IBufferDistributedCache
{
    /// <summary>The deadline of the extension of a value that has already been read. The caller must not wait long for it.</summary>
    private static readonly TimeSpan ExtensionTimeout = TimeSpan.FromSeconds(1);

    private readonly KestrelKvClient _client;
    private readonly KestrelKvDistributedCacheOptions _options;
    private readonly TimeProvider _time;
    private readonly GetOptions _read;
    private readonly WriteOptions _write;
    private OwnWrites? _ownWrites;

    public KestrelKvDistributedCache(KestrelKvClient client, KestrelKvDistributedCacheOptions options, TimeProvider time)
    {
        (_client, _options, _time) = (client, options, time);
        _read = new() { AllowUnsynced = options.AcknowledgeFromMemory };
        // Writes of a cache may be repeated, so the server needs no idempotency record.
        _write = new() { AcknowledgeFromMemory = options.AcknowledgeFromMemory, Retry = WriteRetry.AtLeastOnce };
    }

    /// <summary>The client.</summary>
    public KestrelKvClient Client => _client;

    /// <summary>The text before each key.</summary>
    public string Prefix => _options.Prefix;

    /// <summary>From now on records the writes of this cache, for the invalidation of a local cache.</summary>
    public OwnWrites RecordWrites() => _ownWrites ??= new(_time);

    public byte[]? Get(string key) => SynchronousCall.Run((Cache: this, Key: KeyOf(key)), static call => call.Cache.ReadAsync(call.Key, default));

    public Task<byte[]?> GetAsync(string key, CancellationToken token = default) => ReadAsync(KeyOf(key), token).AsTask();

    public bool TryGet(string key, IBufferWriter<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        return SynchronousCall.Run(
            (Cache: this, Key: KeyOf(key), Destination: destination), static call => call.Cache.ReadAsync(call.Key, call.Destination, default));
    }

    public ValueTask<bool> TryGetAsync(string key, IBufferWriter<byte> destination, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        return ReadAsync(KeyOf(key), destination, token);
    }

    public void Set(string key, byte[] value, DistributedCacheEntryOptions options)
    {
        ArgumentNullException.ThrowIfNull(value);
        Set(key, new ReadOnlySequence<byte>(value), options);
    }

    public void Set(string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        SynchronousCall.Run(
            (Cache: this, Key: KeyOf(key), Value: value, Options: options),
            static call => call.Cache.WriteAsync(call.Key, call.Value, call.Options, default));
    }

    public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(options);
        return WriteAsync(KeyOf(key), new(value), options, token).AsTask();
    }

    public async ValueTask SetAsync(
        string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        await WriteAsync(KeyOf(key), value, options, token).ConfigureAwait(false);
    }

    public void Refresh(string key) => SynchronousCall.Run((Cache: this, Key: KeyOf(key)), static call => call.Cache.ExtendAsync(call.Key, default));

    public Task RefreshAsync(string key, CancellationToken token = default) => ExtendAsync(KeyOf(key), token).AsTask();

    public void Remove(string key) => SynchronousCall.Run((Cache: this, Key: KeyOf(key)), static call => call.Cache.DeleteAsync(call.Key, default));

    public Task RemoveAsync(string key, CancellationToken token = default) => DeleteAsync(KeyOf(key), token).AsTask();

    private string KeyOf(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return _options.Prefix + key;
    }

    private async ValueTask<byte[]?> ReadAsync(string key, CancellationToken token)
    {
        PayloadDecoder decoder = PayloadDecoder.Rent(null, _time.GetUtcNow());
        await ReadAsync(key, decoder, token).ConfigureAwait(false);
        byte[]? bytes = decoder.Bytes;
        decoder.Return();
        return bytes;
    }

    private async ValueTask<bool> ReadAsync(string key, IBufferWriter<byte> destination, CancellationToken token)
    {
        PayloadDecoder decoder = PayloadDecoder.Rent(destination, _time.GetUtcNow());
        await ReadAsync(key, decoder, token).ConfigureAwait(false);
        bool hasDecoded = decoder.HasDecoded;
        decoder.Return();
        return hasDecoded;
    }

    private async ValueTask ReadAsync(string key, PayloadDecoder decoder, CancellationToken token)
    {
        Entry<SlidingExpiry> entry = await _client.GetAsync(key, decoder.TypeInfo, _read, token).ConfigureAwait(false);
        if (!decoder.HasDecoded || !entry.Value.IsDue(entry.ExpiresAt, _time.GetUtcNow())) return;
        try
        {
            await TouchAsync(key, entry, _read with { Timeout = ExtensionTimeout, FailFast = true }, token).ConfigureAwait(false);
        }
        catch (KestrelKvException)
        {
            // The value has been read. The next read extends its expiry.
        }
    }

    /// <summary>Extends the expiry of an entry without reading its value.</summary>
    private async ValueTask<bool> ExtendAsync(string key, CancellationToken token)
    {
        // An entry without a sliding window does not have this part.
        Entry<SlidingExpiry> entry = await _client.GetAsync(key, SlidingExpiry.Type, _read with { Path = SlidingExpiry.Path }, token).ConfigureAwait(false);
        DateTimeOffset now = _time.GetUtcNow();
        if (!entry.Found || entry.Value.HasPassed(now) || !entry.Value.IsDue(entry.ExpiresAt, now)) return false;
        await TouchAsync(key, entry, _read, token).ConfigureAwait(false);
        return true;
    }

    private async ValueTask TouchAsync(string key, Entry<SlidingExpiry> entry, GetOptions options, CancellationToken token)
    {
        TimeSpan extension = entry.Value.Extension(_time.GetUtcNow());
        if (extension <= TimeSpan.Zero) return;
        Entry<SlidingExpiry> touched = await _client.GetAsync(
            key, SlidingExpiry.Type, options with { Path = SlidingExpiry.Path, Touch = extension }, token).ConfigureAwait(false);
        if (touched.Version != entry.Version && touched.Version != 0) await CorrectAsync(key, entry.Value, touched, extension, token).ConfigureAwait(false);
    }

    /// <summary>Corrects the expiry of an entry that another client wrote between a read and its touch. Such an entry must not live too long.</summary>
    private async ValueTask CorrectAsync(string key, SlidingExpiry before, Entry<SlidingExpiry> touched, TimeSpan extension, CancellationToken token)
    {
        WriteOptions ifUnchanged = _write with { IfVersion = touched.Version };
        DateTimeOffset now = _time.GetUtcNow();
        if (touched.Found && touched.Value == before) return;
        if (touched.Found && touched.Value.Extension(now) is var own && own > TimeSpan.Zero)
            await _client.ExpireAsync(key, Expiry.In(own), ifUnchanged, token).ConfigureAwait(false);
        // The entry has an absolute expiry alone, which is unknown now if the touch has extended it. A cache may lose an entry.
        else if (touched.ExpiresAt is { } expiry && expiry <= now + extension + ExtensionTimeout)
            await _client.DeleteAsync(key, ifUnchanged, token).ConfigureAwait(false);
    }

    private async ValueTask<long> WriteAsync(string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options, CancellationToken token)
    {
        EntryExpiry expiry = EntryExpiry.Of(options, _options.DefaultEntryOptions, _time.GetUtcNow());
        if (OwnWrites.AreSuppressed) return 0;
        OwnWrites.Write write = OwnWrites.Begin(_ownWrites, key);
        try
        {
            WriteResult result = await _client.PutAsync(
                key, new Payload(value, expiry.Sliding), Payload.Type, _write with { Expiry = expiry.Initial }, token).ConfigureAwait(false);
            return write.Version = result.Version;
        }
        finally
        {
            write.End();
        }
    }

    private async ValueTask<long> DeleteAsync(string key, CancellationToken token)
    {
        OwnWrites.Write write = OwnWrites.Begin(_ownWrites, key);
        try
        {
            WriteResult result = await _client.DeleteAsync(key, _write, token).ConfigureAwait(false);
            return write.Version = result.Version;
        }
        finally
        {
            write.End();
        }
    }
}
