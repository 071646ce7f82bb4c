using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>Answers with the response object of a request, as the wire has it.</summary>
internal static class ResponseResult
{
    public static async Task<IResult> RunAsync(this HttpRunner runner, HttpContext http, MappedRequest mapped, ListFormat? format = null)
    {
        ReplyRoom room = runner.NewRoom();
        using var response = new Response(room);
        if (await runner.RunAsync(mapped.One, response, room, format, http.RequestAborted) is { } error) return Problems.Of(error);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = (long)response.Head.Length + response.Body.Length;
        await runner.SendAsync(http, response.Head);
        await runner.SendAsync(http, response.Body);
        return Results.Empty;
    }
}
