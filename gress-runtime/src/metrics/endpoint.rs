//! `/metrics` and `/healthz` of a job, read only, for as long as it runs.

use super::{JobMetrics, health::Verdict, recorder};
use gress_core::{Error, Result};
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use metrics_exporter_prometheus::PrometheusHandle;
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::Semaphore,
    time::{interval, sleep, timeout},
};

/// Connections that are answered at a time; more wait.
const CONNECTIONS_MAX: usize = 32;
/// How long one connection may take, from its begin to its end: each serves one request.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(10);
/// What a request's head may have.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How often samples of histograms are put into their buckets where nobody asks for them.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// An address that is listened to. It answers once [`Endpoint::serve`] is called, until the job's runtime ends.
pub(crate) struct Endpoint {
    listener: TcpListener,
    address: SocketAddr,
    recorder: PrometheusHandle,
}

impl Endpoint {
    /// Listens on `address`, and makes the recorder of the process if there is none yet.
    ///
    /// # Errors
    /// An address that is taken or not of this machine, by name.
    pub(crate) fn bind(address: SocketAddr, runtime: &Runtime) -> Result<Self> {
        let listen = || -> std::io::Result<_> {
            let listener = runtime.block_on(TcpListener::bind(address))?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = listen().map_err(|e| {
            Error::config(format!("`metrics.address` is `{address}`, where metrics cannot be served: {e}")).because(e)
        })?;
        Ok(Endpoint { listener, address, recorder: recorder::of_the_process()? })
    }

    /// Where it listens, with the port that the system chose for port 0.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers. What happens here reaches no task of the job.
    pub(crate) fn serve(self, job: Arc<JobMetrics>, runtime: &Runtime) {
        let recorder = self.recorder.clone();
        runtime.spawn(async move {
            let mut upkeep = interval(UPKEEP_EVERY);
            loop {
                upkeep.tick().await;
                recorder.run_upkeep();
            }
        });
        let pages = Arc::new(Pages { job, recorder: self.recorder });
        runtime.spawn(accept(self.listener, pages));
    }
}

/// What can be asked for.
struct Pages {
    job: Arc<JobMetrics>,
    recorder: PrometheusHandle,
}

async fn accept(listener: TcpListener, pages: Arc<Pages>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let pages = pages.clone();
                tokio::spawn(async move {
                    let _place = place;
                    // Who asks too slowly, or asks nonsense, gets no answer.
                    drop(timeout(CONNECTION_TIME_MAX, answer_one(stream, pages)).await);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection to the metrics endpoint was not accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer_one(stream: TcpStream, pages: Arc<Pages>) -> hyper::Result<()> {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), &pages);
        async { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(HEAD_BYTES_MAX).header_read_timeout(None);
    http.serve_connection(TokioIo::new(stream), service).await
}

/// The answer to one request. `HEAD` gets the same as `GET`; the connection leaves the body out.
fn answer(method: &Method, path: &str, pages: &Pages) -> Response<Full<Bytes>> {
    if !matches!(path, "/metrics" | "/healthz") {
        return text(StatusCode::NOT_FOUND, "there are /metrics and /healthz\n".to_owned());
    }
    if method != Method::GET && method != Method::HEAD {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are allowed\n".to_owned());
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    if path == "/healthz" {
        return healthz(&pages.job.verdict());
    }
    let mut metrics = text(StatusCode::OK, pages.recorder.render());
    let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    metrics.headers_mut().insert(CONTENT_TYPE, format);
    metrics
}

fn healthz(verdict: &Verdict) -> Response<Full<Bytes>> {
    let status = match verdict {
        Verdict::Well => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    text(status, format!("{verdict}\n"))
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use gress_core::{ErrorKind, TaskId};

    #[test]
    fn whatever_is_wrong_with_a_job_is_unavailable_and_only_a_job_that_is_well_is_ok() {
        assert_eq!(healthz(&Verdict::Well).status(), StatusCode::OK);
        let (age, limit) = (Duration::from_secs(90), Duration::from_secs(62));
        let wrong = [
            Verdict::Failed(ErrorKind::Storage),
            Verdict::Stuck { task: TaskId::new("count", 0), time: age },
            Verdict::Overdue { newest: None, age, limit },
        ];
        for verdict in wrong {
            assert_eq!(healthz(&verdict).status(), StatusCode::SERVICE_UNAVAILABLE, "{verdict}");
        }
    }
}
