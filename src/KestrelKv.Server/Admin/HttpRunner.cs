using KestrelKv.Protocol;
using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>Executes HTTP requests. Large replies share the budget <see cref="WireConnections.Replies"/> with the wire.</summary>
internal sealed class HttpRunner(
    RequestRunner runner, WireConnections connections, RequestLimits limits, WireOptions wire, TimeProvider time)
{
    /// <summary>Returns the memory reservation for the reply to one request.</summary>
    public ReplyRoom NewRoom() => new(connections.Replies, limits);

    /// <summary>Executes a request and sends its response object, which is that of the wire.</summary>
    public async Task<IResult> AnswerAsync(HttpContext http, MappedRequest mapped, ListFormat? format = null)
    {
        ReplyRoom room = NewRoom();
        using var response = new Response(room);
        if (await RunAsync(mapped.One, response, room, format, http.RequestAborted) is { } error) return Problems.Of(error);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = (long)response.Head.Length + response.Body.Length;
        await SendAsync(http, response.Head);
        await SendAsync(http, response.Body);
        return Results.Empty;
    }

    /// <summary>Executes a request and writes its response object, under the rules of <see cref="RequestRunner"/>.</summary>
    public async ValueTask<ProtocolError?> RunAsync(
        ReadOnlyMemory<Request> one, Response response, ReplyRoom room, ListFormat? format, CancellationToken cancellationToken)
    {
        if (!TryReserve(room, one.Span[0]) && !await room.WaitAsync(wire.WriteTimeout, cancellationToken)) return ProtocolError.RepliesFull;
        try
        {
            return await runner.RunAsync(one, response, format, cancellationToken);
        }
        finally
        {
            room.Release();
        }
    }

    /// <summary>Executes a request on one key. Repeats the read of a large value once the budget has room for the value.</summary>
    public async ValueTask<ProtocolError?> RunAsync(
        ReadOnlyMemory<Request> one, KeyResult result, ReplyRoom room, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                ProtocolError? error = await runner.RunAsync(one, result, cancellationToken);
                if (error is not null || room.Needed == 0) return error;
                if (!await room.WaitAsync(wire.WriteTimeout, cancellationToken)) return ProtocolError.RepliesFull;
            }
        }
        finally
        {
            room.Release();
        }
    }

    /// <summary>Sends text in pieces. The client must receive each within <see cref="WireOptions.WriteTimeout"/>, as on the wire.</summary>
    public async ValueTask SendAsync(HttpContext http, TextBuffer text)
    {
        foreach (ReadOnlyMemory<byte> piece in text.Pieces) await SendAsync(http, piece);
    }

    /// <summary>Sends one piece of a response.</summary>
    public async ValueTask SendAsync(HttpContext http, ReadOnlyMemory<byte> piece)
    {
        if (piece.IsEmpty) return;
        var output = new TimedWriter(http.Response, wire.WriteTimeout, time);
        output.Write(piece.Span);
        await output.FlushAsync(http.RequestAborted);
    }

    /// <summary>Reserves memory for the reply. A GET, whose reply size is unknown, only checks that memory is available.</summary>
    private static bool TryReserve(ReplyRoom room, in Request request) =>
        request.Function == Function.Get ? room.HasRoomFor(ReplyWriter.SmallBytesMax) : room.TryReserveFor(request);
}
