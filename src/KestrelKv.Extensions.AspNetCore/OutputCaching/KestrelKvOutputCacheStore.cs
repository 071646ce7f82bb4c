using System.Buffers;
using System.IO.Pipelines;
using KestrelKv.Client;
using KestrelKv.Extensions.Caching.Payloads;
using Microsoft.AspNetCore.OutputCaching;

namespace KestrelKv.Extensions.AspNetCore.OutputCaching;

/// <summary>A store of output caching. All instances of an application share its pages.</summary>
/// <remarks>
/// <para>
/// A page and the index of its tags are written in one commit, with the same expiry. The eviction of a tag first marks the tag as evicted, then
/// lists and removes its pages. A page that is stored before the mark is listed; a page that is stored after it is refused while the mark
/// exists (<see cref="KestrelKvOutputCacheOptions.EvictionPause"/>). So once the eviction has ended, there is no page that was rendered before it,
/// unless its rendering and its write took longer than the pause.
/// </para>
/// <para>Microsoft's middleware logs the exceptions of a read, and continues without the cache.</para>
/// </remarks>
internal sealed class KestrelKvOutputCacheStore : IOutputCacheBufferStore
{
    /// <summary>The number of pages that one batch removes, with two operations each.</summary>
    private const int EvictedAtOnce = 250;

    /// <summary>The maximum time of a write of a page with tags: the client's default.</summary>
    private static readonly TimeSpan TaggedTimeoutMax = new KestrelKvClientOptions().Timeout;

    private readonly KestrelKvClient _client;
    private readonly PageKeys _keys;
    private readonly TimeSpan _evictionPause;
    private readonly TimeProvider _time;
    private readonly GetOptions _read;
    private readonly WriteOptions _write;
    private readonly WriteOptions _tagged;

    public KestrelKvOutputCacheStore(KestrelKvClient client, KestrelKvOutputCacheOptions options, TimeProvider time)
    {
        (_client, _keys, _evictionPause, _time) = (client, new(options.Prefix), options.EvictionPause, time);
        _read = new() { AllowUnsynced = options.AcknowledgeFromMemory };
        // Writes of a cache may be repeated, so the server needs no idempotency record.
        _write = new() { AcknowledgeFromMemory = options.AcknowledgeFromMemory, Retry = WriteRetry.AtLeastOnce };
        _tagged = _evictionPause > TimeSpan.Zero ? _write with { Timeout = TimeSpan.FromTicks(Math.Min(_evictionPause.Ticks / 2, TaggedTimeoutMax.Ticks)) } : _write;
    }

    public async ValueTask<byte[]?> GetAsync(string key, CancellationToken cancellationToken)
    {
        PayloadDecoder decoder = PayloadDecoder.Rent(null, _time.GetUtcNow());
        await ReadAsync(key, decoder, cancellationToken).ConfigureAwait(false);
        byte[]? bytes = decoder.Bytes;
        decoder.Return();
        return bytes;
    }

    public async ValueTask<bool> TryGetAsync(string key, PipeWriter destination, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(destination);
        PayloadDecoder decoder = PayloadDecoder.Rent(destination, _time.GetUtcNow());
        await ReadAsync(key, decoder, cancellationToken).ConfigureAwait(false);
        bool hasDecoded = decoder.HasDecoded;
        decoder.Return();
        return hasDecoded;
    }

    public ValueTask SetAsync(string key, byte[] value, string[]? tags, TimeSpan validFor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(value);
        return SetAsync(key, new ReadOnlySequence<byte>(value), tags, validFor, cancellationToken);
    }

    public async ValueTask SetAsync(
        string key, ReadOnlySequence<byte> value, ReadOnlyMemory<string> tags, TimeSpan validFor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (validFor <= TimeSpan.Zero) return;
        string name = PageKeys.NameOf(key);
        var page = new Payload(value, null);
        if (tags.IsEmpty)
        {
            await _client.PutAsync(_keys.Page(name), page, Payload.Type, _write with { Expiry = validFor }, cancellationToken).ConfigureAwait(false);
            return;
        }
        var expiry = new WriteOptions { Expiry = validFor };
        Batch batch = _client.CreateBatch();
        // Removes nothing. It fails, and the batch with it, if the mark of an eviction exists.
        foreach (string tag in tags.Span) batch.Delete(_keys.Evicted(tag), new() { IfExists = false });
        batch.Put(_keys.Page(name), page, Payload.Type, expiry);
        foreach (string tag in tags.Span) batch.Put(_keys.Tagged(tag, name), true, PayloadTypes.Boolean, expiry);
        // A page that is not stored will be rendered again. A late write could store a page that was evicted when the mark existed.
        await batch.CommitAsync(_tagged, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask EvictByTagAsync(string tag, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(tag);
        if (_evictionPause > TimeSpan.Zero)
            await _client.PutAsync(_keys.Evicted(tag), true, PayloadTypes.Boolean, _write with { Expiry = _evictionPause }, cancellationToken).ConfigureAwait(false);
        string prefix = _keys.TagPrefix(tag);
        Batch batch = _client.CreateBatch();
        await foreach (KeyInfo tagged in _client.ScanKeysAsync(prefix, cancellationToken: cancellationToken).ConfigureAwait(false))
        {
            batch.Delete(_keys.Page(tagged.Key[prefix.Length..])).Delete(tagged.Key);
            if (batch.Count < EvictedAtOnce * 2) continue;
            await batch.CommitAsync(_write, cancellationToken).ConfigureAwait(false);
            batch = _client.CreateBatch();
        }
        if (batch.Count > 0) await batch.CommitAsync(_write, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask ReadAsync(string key, PayloadDecoder decoder, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(key);
        await _client.GetAsync(_keys.Page(PageKeys.NameOf(key)), decoder.TypeInfo, _read, cancellationToken).ConfigureAwait(false);
    }
}
