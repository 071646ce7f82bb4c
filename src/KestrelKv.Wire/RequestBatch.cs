using System.Buffers;
using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>The whole requests of one read, a limited number at a time.</summary>
/// <remarks>
/// Requests are slices of the receive buffer, so a batch must be cleared before the buffer is released. A frame that spans two blocks of
/// it is copied into a pooled array. All arrays are rented: a waiting connection holds none.
/// </remarks>
internal sealed class RequestBatch(RequestLimits limits, int requestsMax, RequestSpans spans, TimeProvider time)
{
    /// <summary>The maximum size of a pooled copy, in bytes. The pool would keep a longer one.</summary>
    private const int PooledBytesMax = 1024 * 1024;

    private readonly List<byte[]> _copies = [];
    private Request[] _requests = [];
    private int _count;

    // The length of the last batch, which is the initial capacity of the next.
    private int _expected = 1;

    /// <summary>The requests, in order of arrival.</summary>
    public ReadOnlyMemory<Request> Requests => _requests.AsMemory(0, _count);

    /// <summary>The last requests, for a check that may replace them.</summary>
    public Span<Request> Last(int count) => _requests.AsSpan(_count - count, count);

    /// <summary>The reason for which nothing after these requests can be read; null if there is none.</summary>
    public ProtocolError? FrameError { get; private set; }

    /// <summary>Reads whole frames from the front of a buffer, up to an AUTH.</summary>
    /// <param name="buffer">The buffer, which is advanced to the first byte that was not read.</param>
    /// <param name="frameBytesMax">The maximum length of a frame's body, in bytes.</param>
    /// <returns>Whether the batch has requests.</returns>
    public bool Fill(ref ReadOnlySequence<byte> buffer, int frameBytesMax)
    {
        while (_count < requestsMax)
        {
            bool whole = FrameReader.TryRead(ref buffer, frameBytesMax, out ReadOnlySequence<byte> body, out ProtocolError? error);
            FrameError = error;
            if (!whole) break;

            if (_count == _requests.Length) Grow();
            ref Request request = ref _requests[_count];
            RequestParser.Parse(body.IsSingleSegment ? body.First : Copy(body), limits, out request);

            // The validator and the check of rights replace refused requests, which have no function.
            if (request.HasTrace) spans.Begin(_count, request, requestsMax);
            if (RequestValidator.Find(request, time) is { } refusal) request = request.Refused(refusal);
            _count++;

            // Later requests are read under the rights and limits that AUTH gives.
            if (request.Function == Function.Auth) break;
        }
        return _count > 0;
    }

    /// <summary>Discards the requests and returns the arrays to their pools.</summary>
    public void Clear()
    {
        if (_count == 0) return;
        foreach (byte[] copy in _copies) ArrayPool<byte>.Shared.Return(copy);
        _copies.Clear();
        BatchPool<Request>.Return(_requests, _count);
        _requests = [];
        _expected = _count;
        _count = 0;
    }

    private void Grow()
    {
        Request[] larger = BatchPool<Request>.Rent(Math.Min(requestsMax, Math.Max(_expected, _count * 2)));
        Array.Copy(_requests, larger, _count);
        if (_count > 0) BatchPool<Request>.Return(_requests, _count);
        _requests = larger;
    }

    private ReadOnlyMemory<byte> Copy(in ReadOnlySequence<byte> body)
    {
        if (body.Length > PooledBytesMax) return body.ToArray();
        byte[] copy = ArrayPool<byte>.Shared.Rent((int)body.Length);
        _copies.Add(copy);
        body.CopyTo(copy);
        return copy.AsMemory(0, (int)body.Length);
    }
}
