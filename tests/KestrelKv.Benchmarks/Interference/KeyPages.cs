namespace KestrelKv.Benchmarks.Interference;

/// <summary>Reads keys with their values over HTTP, in pages of the maximum size.</summary>
internal sealed class KeyPages(HttpClient admin)
{
    private const int PageEntries = 1_000; // The maximum.

    private readonly byte[] _buffer = new byte[256 * 1_024];

    public void TakeNext()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"v1/keys?limit={PageEntries}&values=true", UriKind.Relative));
        using HttpResponseMessage response = admin.Send(request, HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        using Stream page = response.Content.ReadAsStream();
        while (page.Read(_buffer) > 0)
        {
            // The page is read and discarded.
        }
    }
}
