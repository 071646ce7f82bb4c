using KestrelKv.Wire;

namespace KestrelKv.Server.Admin;

/// <summary>Answers with the response object of a request, as the wire has it.</summary>
internal static class ResponseResult
{
    public static async Task<IResult> RunAsync(this RequestRunner runner, HttpContext http, MappedRequest mapped, ListFormat? format = null)
    {
        using var response = new Response();
        if (await runner.RunAsync(mapped.One, response, format, http.RequestAborted) is { } error) return Problems.Of(error);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = (long)response.Head.Length + response.Body.Length;
        await http.Response.Body.WriteAsync(response.Head.WrittenMemory, http.RequestAborted);
        await http.Response.Body.WriteAsync(response.Body.WrittenMemory, http.RequestAborted);
        return Results.Empty;
    }
}
